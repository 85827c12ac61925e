"""Tables by band of the score: lift and gain, calibration, equal-frequency and equal-range bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coterie.learn.measures import Tally, band_of, range_of, wilson

from .cuts import Cuts
from .record import CalibrationBand, LiftBand, ScoreBin

__all__ = ["calibration", "lift", "score_bins"]


def lift(counts: Tally, bands: int) -> tuple[LiftBand, ...]:
    """Bands of about equally many rows, the highest scores first."""
    positives, negatives = counts.totals
    found: list[LiftBand] = []
    seen = caught = 0
    for number, groups in _parts(band_of(counts, bands)):
        rows, hits = int(counts.sizes[groups].sum()), int(counts.positives[groups].sum())
        seen, caught = seen + rows, caught + hits
        found.append(
            LiftBand(
                band=number + 1,
                rows=rows,
                positives=hits,
                score_low=float(counts.scores[groups[-1]]),
                score_high=float(counts.tops[groups[0]]),
                rate=hits / rows,
                lift=hits * counts.rows / (rows * positives),
                cumulative_rows=seen / counts.rows,
                cumulative_positives=caught / positives,
                cumulative_lift=caught * counts.rows / (seen * positives),
                separation=(caught * negatives - (seen - caught) * positives) / (positives * negatives),
            )
        )
    return tuple(found)


def calibration(counts: Tally, bands: int) -> tuple[CalibrationBand, ...]:
    """The same bands, the lowest scores first: mean score against share of 1."""
    found: list[CalibrationBand] = []
    for _, groups in _parts(band_of(counts, bands)):
        rows, hits = int(counts.sizes[groups].sum()), int(counts.positives[groups].sum())
        low, high = wilson(hits, rows)
        found.append(
            CalibrationBand(
                rows=rows,
                predicted=float(counts.sums[groups].sum() / rows),
                observed=hits / rows,
                observed_low=low,
                observed_high=high,
            )
        )
    return tuple(reversed(found))


def score_bins(counts: Tally, bins: int, *, equal_range: bool) -> tuple[ScoreBin, ...]:
    """Bins of about equally many rows or of equal length, the highest scores first."""
    cuts, (positives, _) = Cuts(counts), counts.totals
    found: list[ScoreBin] = []
    for number, groups in _parts((range_of if equal_range else band_of)(counts, bins)):
        rows, hits = int(counts.sizes[groups].sum()), int(counts.positives[groups].sum())
        cut = cuts.point(int(groups[-1]))
        found.append(
            ScoreBin(
                bin=number + 1,
                rows=rows,
                positives=hits,
                rate=hits / rows,
                score_low=cut.threshold,
                score_high=float(counts.tops[groups[0]]),
                lift=hits * counts.rows / (rows * positives),
                precision=cut.precision,
                recall=cut.recall,
                false_positive_rate=cut.false_positive_rate,
                f1=cut.f1,
            )
        )
    return tuple(found)


def _parts(band: NDArray[np.int64]) -> list[tuple[int, NDArray[np.intp]]]:
    """Number and groups of each band that there is."""
    return [(int(number), np.flatnonzero(band == number)) for number in np.unique(band)]
