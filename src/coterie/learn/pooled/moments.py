"""Means and deviations of columns over the rows of all contributors, whatever their units; of groups of rows,
or of all of them.

Means first, then distances from them: of a column that is far from zero for its spread nothing is lost. Each
total has its own number of rows, so that each is right by itself whoever took part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.fl import Fixed
from coterie.learn.component import ResultKind, Total
from coterie.learn.errors import NOT_FINITE, NULLS_LEFT
from coterie.learn.pooled.wide import DIGITS, WHOLE, Adding, wide_total

__all__ = ["MEANS", "SPREADS", "Moments", "alone", "complete_values", "moment_totals", "pooled_moments"]

Floats = NDArray[np.float64]

MEANS = "number of all rows, and sum over them of each feature"
SPREADS = "sums over all rows of each feature's distance from its mean, and of the square of this"
_BLOCK = 1 << 16
_LEAST = 1e-13
"""Deviation of a column that varies, in units of its mean's magnitude."""


def alone(what: str, values: Floats, form: Fixed) -> Floats:  # noqa: ARG001
    """The totals of one contributor: as the clear engine has them."""
    return values


def complete_values(frame: VerticalFrame, places: Sequence[tuple[str, str]]) -> Floats:
    """(rows, columns) of what must be there to be added up.

    Errors: CT-1422, CT-1433 (text), CT-3027 (missing values), CT-3028 (not finite), naming the column.
    """
    values = frame.values(places)
    with np.errstate(invalid="ignore", over="ignore"):
        sums = values.sum(axis=0)
    for number in np.flatnonzero(~np.isfinite(sums)).tolist():
        if np.isnan(values[:, number]).any():
            raise NULLS_LEFT(f"'{places[number][1]}'")
        raise NOT_FINITE(f"'{places[number][1]}'")
    return values


@dataclass(frozen=True)
class Moments:
    """Of some columns, in groups of rows."""

    rows: NDArray[np.int64]
    """(groups,)"""
    means: Floats
    """(groups, columns)"""
    deviations: Floats
    """(groups, columns), dividing by the number of rows; 0 for what varies by less than float64 can tell."""


def moment_totals(
    columns: int,
    groups: int = 1,
    names: tuple[str, str] = (MEANS, SPREADS),
    kind: ResultKind | None = None,
) -> tuple[Total, Total]:
    """What :func:`pooled_moments` takes."""
    return (
        Total(names[0], DIGITS * groups * (1 + columns), WHOLE, kind=kind, digits=DIGITS),
        Total(names[1], DIGITS * groups * (1 + 2 * columns), WHOLE, kind=kind, digits=DIGITS),
    )


def pooled_moments(
    adding: Adding,
    values: Floats,
    group: NDArray[np.integer] | None = None,
    groups: int = 1,
    names: tuple[str, str] = (MEANS, SPREADS),
) -> Moments:
    """Of all contributors' rows; a group without rows has zeros.

    :param values: (rows, columns) of this one, complete. :param group: (rows,) the group of each row.

    Errors: CT-3028 for a column whose sums are beyond 2^160; those of the sums.
    """
    members = [
        np.arange(len(values)) if group is None else np.flatnonzero(group == one) for one in range(groups)
    ]
    width = values.shape[1]
    own = np.array([[len(one), *values[one].sum(axis=0)] for one in members])
    told = wide_total(adding, names[0], own.ravel()).reshape(groups, 1 + width)
    about = told[:, 1:] / np.maximum(1.0, told[:, :1])
    spread = [_distances(values, one, mean) for one, mean in zip(members, about, strict=True)]
    told = wide_total(adding, names[1], np.concatenate(spread)).reshape(groups, 1 + 2 * width)
    rows = np.maximum(1.0, told[:, :1])
    off = told[:, 1 : 1 + width] / rows
    means = about + off
    deviations = np.sqrt(np.maximum(0.0, told[:, 1 + width :] / rows - off * off))
    deviations = np.where(deviations > _LEAST * np.abs(means), deviations, 0.0)
    return Moments(np.rint(told[:, 0]).astype(np.int64), means, deviations)


def _distances(values: Floats, members: NDArray[np.intp], about: Floats) -> Floats:
    """(1 + 2 columns,): number, sums of distances, sums of their squares."""
    found = np.zeros((2, values.shape[1]))
    for start in range(0, len(members), _BLOCK):
        block = values[members[start : start + _BLOCK]] - about
        found[0] += block.sum(axis=0)
        found[1] += np.einsum("ij,ij->j", block, block)
    return np.concatenate([[float(len(members))], found.ravel()])
