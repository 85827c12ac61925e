"""What cutting a score at a threshold does: rows at or above it are taken for 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coterie.learn.measures import Floats, Tally

from .record import RATES, Point, RatePoint

__all__ = ["Cuts"]


class Cuts:
    """Every cut below a group of a tally, counted."""

    def __init__(self, counts: Tally) -> None:
        self._thresholds = counts.scores
        self._totals = counts.totals
        self._hits: NDArray[np.int64] = np.cumsum(counts.positives)
        self._false: NDArray[np.int64] = np.cumsum(counts.negatives)

    @property
    def f1(self) -> Floats:
        """(groups,) 2 TP / (2 TP + FP + FN)."""
        return np.asarray(2 * self._hits / (self._hits + self._false + self._totals[0]))

    def point(self, group: int) -> Point:
        """The cut below that group."""
        positives, negatives = self._totals
        hits, false = int(self._hits[group]), int(self._false[group])
        return Point(
            threshold=float(self._thresholds[group]),
            rows=hits + false,
            precision=hits / (hits + false),
            recall=hits / positives,
            false_positive_rate=false / negatives,
            f1=2 * hits / (hits + false + positives),
        )

    def best_f1(self) -> Point:
        """The cut with the highest F1; of equal ones the one that takes fewer rows for 1."""
        return self.point(int(np.argmax(self.f1)))

    def at_threshold(self, threshold: float) -> Point | None:
        """The lowest cut at or above a threshold: it takes the same rows as the threshold itself, where
        groups are of equal scores. None where no group reaches it."""
        groups = int(np.count_nonzero(self._thresholds >= threshold))
        return self.point(groups - 1) if groups else None

    def at_rates(self) -> tuple[RatePoint, ...]:
        """The lowest cut for each rate of false positives that is not above it."""
        found = []
        for rate in RATES:
            groups = int(np.count_nonzero(self._false <= rate * self._totals[1] * (1 + 1e-12)))
            found.append(RatePoint(rate=rate, point=self.point(groups - 1) if groups else None))
        return tuple(found)
