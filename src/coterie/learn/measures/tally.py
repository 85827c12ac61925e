"""Labels counted by score: what every measure of a score's order is made of, exact under ties.

Rows with equal scores are one group. A pair of them counts one half for the AUC, a threshold never falls
inside a group, and no band of a table cuts one.

Who may not see single rows is told measures of *cells* instead (:func:`coarse`): neighbouring groups taken
together until each cell has enough rows of both labels. All tables for one receiver are made of the same
cells, so that no difference between two of them is smaller than a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.errors import NOT_FINITE, ONE_CLASS

__all__ = ["Floats", "Labels", "Tally", "band_of", "coarse", "range_of", "tally"]

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]


@dataclass(frozen=True)
class Tally:
    """Labels counted by group of rows, the highest scores first. Arrays are (groups,)."""

    scores: Floats
    """The lowest score of each group, descending: as a threshold it takes in the group."""
    tops: Floats
    """The highest one."""
    sums: Floats
    """Of the group's scores."""
    positives: NDArray[np.int64]
    """Rows with label 1."""
    negatives: NDArray[np.int64]
    """Rows with label 0."""

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Rows of each group."""
        return self.positives + self.negatives

    @property
    def rows(self) -> int:
        return int(self.sizes.sum())

    @property
    def totals(self) -> tuple[int, int]:
        """Rows with label 1, rows with label 0."""
        return int(self.positives.sum()), int(self.negatives.sum())


def tally(labels: Labels, scores: Floats) -> Tally:
    """Count the labels at each distinct score.

    :param labels: (n,) 0 or 1.
    :param scores: (n,) finite; the higher, the more a row should be of label 1.
    :raises CoterieError: CT-3016 where one of the two labels does not occur; CT-3028 for a score that is not
        finite.
    """
    if not np.isfinite(scores).all():
        raise NOT_FINITE("among the scores")
    if not (labels == 1).any() or (labels == 1).all():
        raise ONE_CLASS("in the rows to evaluate")
    distinct, group = np.unique(scores, return_inverse=True)
    positives = np.bincount(group[labels == 1], minlength=len(distinct))[::-1].astype(np.int64)
    negatives = np.bincount(group[labels == 0], minlength=len(distinct))[::-1].astype(np.int64)
    values = distinct[::-1].copy()
    return Tally(values, values, values * (positives + negatives), positives, negatives)


def coarse(counts: Tally, least: int) -> Tally:
    """Neighbouring groups taken together, from the highest score down, into cells with at least ``least``
    rows of either label; what is left at the low end joins the last cell. One cell where there are fewer.
    Without a least number, groups stay what they are."""
    if least < 1:
        return counts
    positives, negatives = np.cumsum(counts.positives), np.cumsum(counts.negatives)
    ends: list[int] = []
    seen = np.zeros(2, np.int64)
    while len(positives):
        end = max(
            int(np.searchsorted(positives, seen[0] + least)), int(np.searchsorted(negatives, seen[1] + least))
        )
        if end >= len(positives):
            break
        ends.append(end)
        seen[:] = positives[end], negatives[end]
    last = len(positives) - 1
    ends = [*ends[:-1], last] if ends else [last]
    stops = np.array(ends)
    starts = np.concatenate(([0], stops[:-1] + 1))
    return Tally(
        counts.scores[stops],
        counts.tops[starts],
        np.add.reduceat(counts.sums, starts),
        np.add.reduceat(counts.positives, starts),
        np.add.reduceat(counts.negatives, starts),
    )


def band_of(counts: Tally, bands: int) -> NDArray[np.int64]:
    """The equal-frequency band of each group; band 0 has the highest scores.

    A group goes whole into the band of its middle row, so that bands differ in size where scores tie, and a
    band may be missing.
    """
    last = np.cumsum(counts.sizes)
    first = last - counts.sizes
    return np.asarray((first + last) * bands // (2 * counts.rows), dtype=np.int64)


def range_of(counts: Tally, bands: int) -> NDArray[np.int64]:
    """The band of each group where the range of the scores is cut into equal lengths; band 0 is the highest.
    A group goes into the band of its mean score; a band may be missing."""
    low, high = float(counts.scores[-1]), float(counts.tops[0])
    if high <= low:
        return np.zeros(len(counts.scores), np.int64)
    place = (high - counts.sums / counts.sizes) / (high - low) * bands
    return np.asarray(np.clip(np.floor(place), 0, bands - 1), dtype=np.int64)
