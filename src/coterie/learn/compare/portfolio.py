"""What approving the rows of the lowest risk brings, cut by cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.measures import Floats, Labels, Tally, coarse, tally

from .record import Outcome

__all__ = ["Portfolio"]


@dataclass(frozen=True)
class Portfolio:
    """Rows and exposures up to each cut, the lowest risk first. Arrays are (groups + 1,): none to all."""

    rows: Floats
    positives: Floats
    at_risk: Floats
    """Exposure of rows with 1."""
    earning: Floats
    """Exposure of rows with 0."""

    @staticmethod
    def of(labels: Labels, risk: Floats, exposure: Floats, least: int) -> Portfolio:
        """:param least: rows of either label in every group; 0 for groups of equal scores."""
        counts = tally(labels, risk)
        if least:
            counts = coarse(counts, least)
        group = _groups(counts, risk)
        sums = [
            np.bincount(group[labels == value], exposure[labels == value], minlength=len(counts.scores))
            for value in (1, 0)
        ]
        parts = (counts.sizes[::-1], counts.positives[::-1], *sums)
        return Portfolio(*(np.concatenate(([0.0], np.cumsum(part, dtype=np.float64))) for part in parts))

    def at_approval(self, share: float, loss_given_default: float, margin: float) -> Outcome:
        """Of that share of the rows. Of a group at the border a part is approved, as a draw among equals
        would on average."""
        wanted = share * self.rows[-1]
        parts = (self.positives, self.at_risk, self.earning)
        bad, lost, earned = (float(np.interp(wanted, self.rows, part)) for part in parts)
        return self._outcome(wanted, bad, loss_given_default * lost, margin * earned)

    def at_bad_rate(self, rate: float, loss_given_default: float, margin: float) -> Outcome | None:
        """Of the highest cut below which the share of rows with 1 is not above that rate; None where every
        cut has more."""
        fits = np.flatnonzero(self.positives[1:] <= rate * self.rows[1:] * (1 + 1e-12))
        if not len(fits):
            return None
        cut = int(fits[-1]) + 1
        lost, earned = float(self.at_risk[cut]), float(self.earning[cut])
        bad, rows = float(self.positives[cut]), float(self.rows[cut])
        return self._outcome(rows, bad, loss_given_default * lost, margin * earned)

    def _outcome(self, rows: float, bad: float, loss: float, income: float) -> Outcome:
        return Outcome(
            approval=float(rows / self.rows[-1]), bad_rate=bad / rows, loss=loss, profit=income - loss
        )


def _groups(counts: Tally, risk: Floats) -> NDArray[np.int64]:
    """(rows,) number of each row's group, the lowest risk first."""
    return np.asarray(np.searchsorted(counts.scores[::-1], risk, side="right") - 1, np.int64)
