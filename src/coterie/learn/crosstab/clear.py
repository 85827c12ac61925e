"""Tables of a column's groups against the label, and Pearson's test of independence."""

from __future__ import annotations

import math

import numpy as np

from coterie.learn.binning import ColumnBins

from .record import Association, Cell, Crosstab

__all__ = ["associated", "table"]

DIGITS = 3
"""Of the statistic that is told."""


def table(party: str, bins: ColumnBins) -> Crosstab:
    """The groups of a column, with what independence would give."""
    share = sum(one.bads for one in bins.bins) / bins.rows
    cells = tuple(
        Cell(
            label=one.label,
            rows=one.rows,
            goods=one.goods,
            bads=one.bads,
            rate=one.rate,
            expected_bads=one.rows * share,
        )
        for one in bins.bins
    )
    return Crosstab(party=party, column=bins.name, cells=cells)


def associated(crosstab: Crosstab) -> Association:
    """Pearson (1900), Cramér (1946): of a column with one group 0, with p-value 1.

    All of it is of the rounded statistic: from all its digits others could find out the counts of few groups.
    """
    found = np.array([[cell.goods, cell.bads] for cell in crosstab.cells], np.float64)
    expected = np.outer(found.sum(1), found.sum(0)) / found.sum()
    chi2 = float(f"{((found - expected) ** 2 / expected).sum():.{DIGITS}g}")
    freedom = len(found) - 1
    return Association(
        party=crosstab.party,
        column=crosstab.column,
        groups=len(found),
        chi2=chi2,
        freedom=freedom,
        p_value=upper_tail(chi2, freedom),
        cramers_v=min(1.0, math.sqrt(chi2 / found.sum())),
    )


def upper_tail(chi2: float, freedom: int) -> float:
    """Probability of more than this, of a chi-squared distribution: Abramowitz and Stegun 26.4.4 and 26.4.5.

    Finite sums of positive terms, for whole degrees of freedom; in logarithms, as single terms can be beyond
    float64.
    """
    if not freedom:
        return 1.0
    if chi2 <= 0:
        return 1.0
    half, odd, log_half = chi2 / 2, freedom % 2, math.log(chi2) - math.log(2)
    first = math.erfc(math.sqrt(half)) if odd else math.exp(-half)
    # terms half^k exp(-half) / gamma(k + 1), for k = 1/2, 3/2, … or 1, 2, …
    orders = [number + odd / 2 for number in range(1 - odd, freedom // 2)]
    return min(1.0, first + sum(math.exp(k * log_half - half - math.lgamma(k + 1)) for k in orders))
