"""Ranges of the pooled rows, learnt from sums over all parties: from the lowest group to the highest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coterie.data import VerticalFrame
from coterie.learn.component import FrameShape, PlanContext, RunContext, Total
from coterie.learn.errors import CONSTANT_FEATURE
from coterie.learn.pooled import column_quantiles, enough_beside, quantile_totals

from .clear import Ends, Ranges, check

__all__ = ["pooled_fit", "pooled_totals"]

ENDS = np.array([0.0, 1.0])


def pooled_totals(context: PlanContext, shape: FrameShape, columns: int) -> Sequence[Total]:
    """What :func:`pooled_fit` takes. Errors: CT-3235."""
    if not columns:
        return ()
    enough_beside(context, shape)
    return quantile_totals(columns, len(ENDS))


def pooled_fit(context: RunContext, training: VerticalFrame, own: Sequence[str]) -> Ranges:
    """The ends of each column, at every party. Errors: CT-3025, CT-3027, CT-3028."""
    for name in own:
        check(name, training.matrix((name,))[:, 0])
    found = {}
    told = column_quantiles(context, training.table, own, ENDS) if own else []
    for name, one in zip(own, told, strict=True):
        if not one.rows or one.values[0] == one.values[1]:
            raise CONSTANT_FEATURE(f"'{name}', but for rows fewer than the smallest group")
        found[name] = Ends(least=float(one.values[0]), largest=float(one.values[1]))
    return Ranges(columns=found)
