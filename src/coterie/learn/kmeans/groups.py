"""Groups of a party's rows that count as one, so that no sum, and no difference of two, is of few rows.

From one iteration to the next few rows change their cluster, and the sums of a cluster differ by just these.
Therefore each party, before anything is added up, puts its own rows into groups of no fewer rows than the
smallest group, each of rows that are near to each other: microaggregation [Domingo-Ferrer, Mateo-Sanz 2002].
A group is in one cluster as a whole, by the mean of its rows; so whatever is added up, in whichever iteration
of whichever start, is of whole groups. Sums over all rows stay what they were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.kmeans.errors import TOO_FEW_ROWS
from coterie.learn.linear import Floats

__all__ = ["Grouped", "grouped"]

Integers = NDArray[np.int64]

_TURNS = 8
"""Of the power iteration: a direction that is near to the principal one is as good."""


@dataclass(frozen=True)
class Grouped:
    """One party's rows."""

    counts: Floats
    """(groups,) rows."""
    means: Floats
    """(groups, width)"""
    squares: Floats
    """(groups, width) sums of squares."""


def grouped(rows: Floats, least: int) -> Grouped:
    """Groups of at least so many rows, and fewer than twice as many; with 1 each row is one.

    :param rows: (rows, width)

    Errors: CT-3281 where there are rows, but not enough for one group.
    """
    if least <= 1 or not len(rows):
        return Grouped(np.ones(len(rows)), rows, rows * rows)
    if len(rows) < least:
        raise TOO_FEW_ROWS(f"{len(rows)} rows, and groups are of {least}")
    groups = _divided(rows, least)
    order, counts = np.concatenate(groups), np.array([len(one) for one in groups])
    starts = np.cumsum(counts) - counts
    sums = np.empty((len(groups), rows.shape[1]))
    squares = np.empty_like(sums)
    for feature, column in enumerate(rows.T):
        values = column[order]
        sums[:, feature] = np.add.reduceat(values, starts)
        squares[:, feature] = np.add.reduceat(values * values, starts)
    return Grouped(counts.astype(np.float64), sums / counts[:, None], squares)


def _divided(rows: Floats, least: int) -> list[Integers]:
    """Numbers of the rows of each group: halved where they vary most, until the parts would be too small."""
    left, found = [np.arange(len(rows))], []
    while left:
        members = left.pop()
        if len(members) < 2 * least:
            found.append(members)
            continue
        along = _principal(rows[members])
        order = np.argsort(along, kind="stable")
        cut = _cut(along[order], least)
        left += [members[order[:cut]], members[order[cut:]]]
    return found


def _principal(block: Floats) -> Floats:
    """(n,) places of rows along about the direction in which they vary most."""
    centred = block - block.mean(axis=0)
    direction = centred[np.argmax(np.einsum("ij,ij->i", centred, centred))]
    for _ in range(_TURNS):
        length = float(np.sqrt(direction @ direction))
        if not length > 0:
            break
        direction = centred.T @ (centred @ (direction / length))
    return np.asarray(centred @ direction)


def _cut(ordered: Floats, least: int) -> int:
    """Where two parts of these numbers, each of enough, are nearest to their means."""
    count = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)
    gain = sums[:-1] ** 2 / count + (sums[-1] - sums[:-1]) ** 2 / (len(ordered) - count)
    return least + int(np.argmax(gain[least - 1 : len(ordered) - least]))
