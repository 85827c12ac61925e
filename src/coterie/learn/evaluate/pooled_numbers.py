"""Measures of a label that is a number, on horizontal frames: from totals, as :mod:`.pooled`."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from coterie.fl import EXACT, Fixed
from coterie.learn.component import RunContext, Total
from coterie.learn.errors import NOT_FINITE
from coterie.learn.measures import Floats, tellable
from coterie.learn.scoring import scoring_facts

from .own_rows import give_own_rows
from .params import EvaluateParams
from .record import PooledRegression, RegressionBand, RegressionMetrics
from .regression import deviance, power_of

__all__ = ["give_numbers", "number_totals"]

MOMENTS = "sums of labels, of scores and of their differences, of all parties' rows"
SPREAD = "spread of the labels, and deviance of their mean, of all parties' rows"
COUNTED = "rows by bin of the score, of all parties' rows"
BANDS = "sums of labels and of scores by band, of all parties' rows"
COUNTS = Fixed(64, 0)
DEVIATIONS = 8.0
"""Of the scores, on either side of their mean: how far bins reach."""
FAR = 2.0**40
"""Relative differences above it count as those to a label of 0: nothing is said of their mean."""


def number_totals(params: EvaluateParams) -> list[Total]:
    """What :func:`give_numbers` takes. Sums are of shares of all rows that there can be, so that they are as
    large as a row; the last of each are those of the rows that are there.
    """
    return [
        Total(MOMENTS, 10, EXACT, kind="metrics"),
        Total(SPREAD, 4, EXACT, kind="metrics"),
        Total(COUNTED, params.resolution, COUNTS, kind="metrics"),
        Total(BANDS, 3 * params.bins, EXACT, kind="metrics"),
    ]


def give_numbers(context: RunContext, params: EvaluateParams, model: str, scores: Floats) -> None:
    """Measure, and give the record to its receivers.

    Errors: CT-3028 for a label or a score that is not finite, CT-3166; CT-1501; those of the sums.
    """
    planning, labels = context.planning, context.frames[params.frame].target()
    if not (np.isfinite(labels).all() and np.isfinite(scores).all()):
        raise NOT_FINITE("among labels or scores", party=context.me, step=context.step)
    rows, least = planning.frames[params.frame].rows, planning.min_group
    tellable(rows, rows, least, context.step)
    power = power_of(scoring_facts(planning, model).training)
    told = PooledRegression(
        model=model,
        frame=params.frame,
        guarded=True,
        joint=_measured(context, params, labels, scores, power),
        score_bins=params.resolution,
    )
    context.tell("metrics", partial(told.model_dump, mode="json"), name="metrics.json")
    context.note("report", partial(told.model_dump, mode="json"))
    give_own_rows(context, params, model, scores, told.joint)


def _measured(
    context: RunContext, params: EvaluateParams, labels: Floats, scores: Floats, power: float | None
) -> RegressionMetrics:
    rows = context.planning.frames[params.frame].rows
    sums, errors = context.sums(), scores - labels
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.abs(errors / labels)
    far = ~(relative <= FAR)
    found, unfit = _deviance(labels, scores, power)
    own = [labels.sum(), scores.sum(), (scores**2).sum(), (errors**2).sum(), np.abs(errors).sum()]
    own += [relative[~far].sum(), float(far.sum()), found, unfit, float(len(labels))]
    told = sums.total(MOMENTS, np.array(own) / rows)
    there = float(told[-1])
    mean, predicted, squares, mse, mae, ratio, zeros, found, unfit = (told[:-1] / there).tolist()
    null, unfit_null = _deviance(labels, np.full(len(labels), mean), power)
    distances = ((labels - mean) ** 2).sum()
    told = sums.total(SPREAD, np.array([distances, null, unfit_null, len(labels)]) / rows)
    spread, null, unfit_null = (told[:-1] / told[-1]).tolist()
    explained = power is not None and unfit == unfit_null == 0 and null != 0
    deviation = max(0.0, squares - predicted**2) ** 0.5
    return RegressionMetrics(
        rows=round(there * rows),
        mean=mean,
        predicted_mean=predicted,
        mse=mse,
        rmse=mse**0.5,
        mae=mae,
        r2=1 - mse / spread if spread > 0 else None,
        mape=None if zeros else ratio,
        variance_power=power,
        deviance=None if power is None or unfit else found,
        deviance_explained=1 - found / null if explained else None,
        bands=_bands(context, params, labels, scores, (predicted, deviation)),
    )


def _deviance(labels: Floats, scores: Floats, power: float | None) -> tuple[float, float]:
    """Sum of the unit deviances, and 1 where a label or a score is outside the family's range, else 0."""
    if power is None or not len(labels):
        return 0.0, 0.0
    mean = deviance(labels, scores, power)
    return (0.0, 1.0) if mean is None else (mean * len(labels), 0.0)


def _bands(
    context: RunContext,
    params: EvaluateParams,
    labels: Floats,
    scores: Floats,
    about: tuple[float, float],
) -> tuple[RegressionBand, ...]:
    """Bands of about equally many rows, the highest scores first; a bin of scores stays together.

    :param about: mean and deviation of the scores.
    """
    bins, sums = params.resolution, context.sums()
    rows, least = context.planning.frames[params.frame].rows, max(1, context.planning.min_group)
    low, width = about[0] - DEVIATIONS * about[1], 2 * DEVIATIONS * about[1] / bins
    place = np.zeros(len(scores), np.int64)
    if width > 0:
        place = np.clip((scores - low) / width, 0, bins - 1).astype(np.int64)
    counted = np.rint(sums.total(COUNTED, np.bincount(place, minlength=bins).astype(np.float64), COUNTS))
    band = _band_of(counted[::-1].astype(np.int64), min(params.bins, max(1, rows // least)), least)[::-1]
    own = [np.bincount(band[place], values, params.bins) for values in (scores, labels, np.ones(len(place)))]
    predicted, observed, there = sums.total(BANDS, np.array(own) / rows) * rows
    found = []
    for number in np.unique(band[counted > 0]):
        inside = np.flatnonzero((band == number) & (counted > 0))
        size = max(1, round(float(there[number])))
        found.append(
            RegressionBand(
                band=int(number) + 1,
                rows=size,
                predicted=float(predicted[number] / size),
                observed=float(observed[number] / size),
                score_low=float(low + inside[0] * width),
                score_high=float(low + (inside[-1] + 1) * width),
            )
        )
    return tuple(found)


def _band_of(counted: NDArray[np.int64], bands: int, least: int) -> NDArray[np.int64]:
    """(bins,) the band of each bin, the first bins in band 0: by the bin's middle row. A band with fewer than
    ``least`` rows is one with the next; the last of them with the one before."""
    last = np.cumsum(counted)
    band = np.minimum((2 * last - counted) * bands // (2 * max(1, int(last[-1]))), bands - 1)
    sizes = np.bincount(band, counted, bands)
    number, inside, to = 0, 0.0, np.zeros(bands, np.int64)
    for old in range(bands):
        to[old] = number
        inside += sizes[old]
        if inside >= least and sizes[old + 1 :].sum() >= least:
            number, inside = number + 1, 0.0
    taken: NDArray[np.int64] = to[band]
    return taken
