"""What plots need of a score, at a resolution that does not depend on the number of rows."""

from __future__ import annotations

import numpy as np

from coterie.learn.measures import Floats, Labels, Tally, coarse, tally

from .record import Curves

__all__ = ["curves", "curves_of"]

ROC_POINTS = 200
HISTOGRAM_BINS = 40
HISTOGRAM_FLOOR = 1e-4
"""Log-odds of 0 and 1 are infinite: the histogram counts what is nearer to them in its outermost bins."""


def curves(labels: Labels, scores: Floats, least: int = 0) -> Curves:
    """:func:`curves_of` the labels, counted by score."""
    return curves_of(tally(labels, scores), least)


def curves_of(counts: Tally, least: int = 0) -> Curves:
    """The ROC curve keeps at most 200 of its corners, evenly along its length, with the ends and the corner
    of the KS distance. The histogram has 40 bins of equal width in log-odds.

    :param least: rows of either label in every bin and between two corners of the curve, for others than the
        label holder: bins then differ in width.
    """
    if least:
        counts = coarse(counts, least)
    positives, negatives = counts.totals
    true = np.concatenate(([0], np.cumsum(counts.positives))) / positives
    false = np.concatenate(([0], np.cumsum(counts.negatives))) / negatives
    wanted = np.linspace(0, 2, ROC_POINTS - 1)
    corners = np.minimum(np.searchsorted(true + false, wanted), len(true) - 1)
    kept = np.unique(np.concatenate((corners, [0, len(true) - 1, int(np.argmax(np.abs(true - false)))])))
    edges = _edges(counts)
    if least:
        edges = _snapped(counts, edges)
    middles = np.clip(_log_odds(counts.sums / counts.sizes), edges[0], edges[-1])
    return Curves(
        false_positive_rate=_short(false[kept]),
        true_positive_rate=_short(true[kept]),
        log_odds_edges=_short(edges),
        positives=_counted(middles, counts.positives, edges),
        negatives=_counted(middles, counts.negatives, edges),
    )


def _counted(values: Floats, weights: np.ndarray, edges: Floats) -> tuple[int, ...]:
    return tuple(int(n) for n in np.histogram(values, edges, weights=weights)[0])


def _edges(counts: Tally) -> Floats:
    """40 bins from the lowest to the highest score."""
    low, high = (float(one) for one in _log_odds(np.array((counts.scores[-1], counts.tops[0]))))
    return np.linspace(low, high if high > low else low + 1.0, HISTOGRAM_BINS + 1)


def _snapped(counts: Tally, edges: Floats) -> Floats:
    """Inner edges moved to the next place between two cells, each taken once."""
    between = _log_odds((counts.scores[:-1] + counts.tops[1:]) / 2)[::-1]
    if not len(between):
        return edges[[0, -1]]
    nearest = np.abs(edges[1:-1, None] - between[None, :]).argmin(axis=1)
    inner = np.unique(between[nearest])
    inner = inner[(inner > edges[0]) & (inner < edges[-1])]
    return np.concatenate((edges[:1], inner, edges[-1:]))


def _log_odds(scores: Floats) -> Floats:
    kept = np.clip(scores, HISTOGRAM_FLOOR, 1 - HISTOGRAM_FLOOR)
    return np.asarray(np.log(kept) - np.log1p(-kept), dtype=np.float64)


def _short(values: Floats) -> tuple[float, ...]:
    """Six digits are more than a plot shows, and keep the record small."""
    return tuple(round(float(value), 6) for value in values)
