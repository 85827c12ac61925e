"""Scales of the pooled rows with differential privacy: one sum with noise, of values within public bounds.

Values are moved within their column's bounds and taken as u in [-1, 1]; a record gives u and u² - 1/2 of each
column, together of a norm of at most the root of 5/4 of the columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.learn.component import EACH, FrameShape, PlanContext, RunContext, Total
from coterie.learn.errors import PRIVACY_UNFIT
from coterie.learn.private import noisy, noisy_total, rows_counted

from .clear import Column, ColumnScale, Standardizer
from .params import BoundedPrivacy, StandardizeParams

__all__ = ["private_fit", "private_totals"]

MOMENTS = (
    "the sums over all rows of each feature and of its square, within public bounds, with noise for "
    "differential privacy"
)
SPREAD = 1.25
"""The largest u² + (u² - 1/2)²."""
LEAST = 1e-4
"""Variance in units of the bounds, below which none is believed beside the noise."""
ROWS = 1 << 16


def private_totals(
    context: PlanContext, names: Sequence[str], params: StandardizeParams
) -> tuple[Total, ...]:
    """What :func:`private_fit` takes. Errors: CT-3266, and those of :func:`noisy`."""
    given = params.privacy
    assert given is not None
    if params.method != "zscore":
        raise PRIVACY_UNFIT(f"'method: {params.method}'", step=context.step)
    if unbounded := [name for name in names if f"{EACH}.{name}" not in given.bounds]:
        raise PRIVACY_UNFIT(f"'bounds' has none for '{EACH}.{unbounded[0]}'", step=context.step)
    if not names:
        return ()
    clip = math.sqrt(SPREAD * len(names))
    return (noisy(context, given, MOMENTS, unit="record", values=2 * len(names), clip=clip),)


def private_fit(
    context: RunContext,
    shape: FrameShape,
    training: VerticalFrame,
    own: Sequence[str],
    params: StandardizeParams,
) -> Standardizer:
    """The scales of all parties' rows, at each of them. A record of which a value is missing or not finite
    gives nothing."""
    given = params.privacy
    assert given is not None
    if not own:
        return Standardizer(clip=params.clip, columns={})
    middle, half = _bounds(own, given)

    def moments(chosen: NDArray[np.intp]) -> Iterator[Column]:
        whole = training.matrix(own)
        for start in range(0, len(chosen), ROWS):
            values = whole[chosen[start : start + ROWS]]
            values = np.where(np.isfinite(values), values, np.nan)  # such rows give nothing
            with np.errstate(over="ignore"):  # what overflows is moved within the bounds
                values = np.clip((values - middle) / half, -1.0, 1.0)
            yield np.hstack([values, np.square(values) - 0.5])

    total = noisy_total(context, MOMENTS, moments, training.rows)
    total = total / rows_counted(context, shape)
    means = np.clip(total[: len(own)], -1.0, 1.0)
    variances = np.clip(total[len(own) :] + 0.5 - np.square(means), LEAST, 1.0)
    columns = {
        name: ColumnScale(quantiles=None, mean=float(mean), deviation=float(deviation))
        for name, mean, deviation in zip(own, middle + half * means, half * np.sqrt(variances), strict=True)
    }
    return Standardizer(clip=params.clip, columns=columns)


def _bounds(own: Sequence[str], given: BoundedPrivacy) -> tuple[Column, Column]:
    """Middle and half of the width of each column's bounds."""
    bounds = np.array([given.bounds[f"{EACH}.{name}"] for name in own])
    return bounds.mean(axis=1), (bounds[:, 1] - bounds[:, 0]) / 2
