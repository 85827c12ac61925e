"""Limits by quantiles of the pooled rows, learnt from sums over all parties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from coterie.data import VerticalFrame
from coterie.learn.component import EACH, FrameShape, PlanContext, RunContext, Total
from coterie.learn.errors import COLUMN_ALL_NULL
from coterie.learn.pooled import column_quantiles, enough_beside, quantile_totals

from .params import ClipParams, Limits

__all__ = ["pooled_limits", "pooled_totals"]


def _task(shape: FrameShape, params: ClipParams) -> tuple[list[str], list[float]]:
    """Columns with limits by quantiles, and all these quantiles."""
    columns, fractions = [], set()
    for name in shape.columns[EACH]:
        limits = params.of(f"{EACH}.{name}")
        if limits is None or f"{EACH}.{name}" in shape.texts:
            continue
        if wanted := [one for one in (limits.low_quantile, limits.high_quantile) if one is not None]:
            columns.append(name)
            fractions.update(wanted)
    return columns, sorted(fractions)


def pooled_totals(context: PlanContext, shape: FrameShape, params: ClipParams) -> Sequence[Total]:
    """What :func:`pooled_limits` takes. Errors: CT-3235."""
    columns, fractions = _task(shape, params)
    if not columns:
        return ()
    enough_beside(context, shape)
    return quantile_totals(len(columns), len(fractions))


def pooled_limits(
    context: RunContext, shape: FrameShape, training: VerticalFrame, params: ClipParams
) -> Mapping[str, Limits]:
    """Of each column with limits by quantiles: the same limits as numbers.

    Errors: CT-3020 where no party has enough values, CT-3028.
    """
    columns, fractions = _task(shape, params)
    if not columns:
        return {}
    found = {}
    told = column_quantiles(context, training.table, columns, np.array(fractions))
    for name, one in zip(columns, told, strict=True):
        limits = params.of(f"{EACH}.{name}")
        assert limits is not None
        if not one.rows:
            raise COLUMN_ALL_NULL(f"'{name}'")
        value = dict(zip(fractions, one.values.tolist(), strict=True))
        low, high = limits.low_quantile, limits.high_quantile
        found[name] = Limits.model_construct(
            low=limits.low if low is None else value[low],
            high=limits.high if high is None else value[high],
            low_quantile=None,
            high_quantile=None,
        )
    return found
