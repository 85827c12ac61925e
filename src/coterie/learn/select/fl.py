"""What features of horizontal frames are chosen by: sums over all parties, which all of them learn.

So every party chooses itself, by the same figures, and hears from the others which features they have left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from coterie.learn.binning import bins_here
from coterie.learn.component import EACH, PlanContext, RunContext, Total
from coterie.learn.correlate import pooled_correlation_needs, pooled_correlations
from coterie.learn.pooled import WHOLE, enough_beside
from coterie.learn.select.clear import Evidence
from coterie.learn.select.evidence import Choosing, information_values, rate_of, steps_binning
from coterie.learn.select.params import SelectParams
from coterie.learn.summed import SUMS, planned_sums
from coterie.learn.transform import training_of

__all__ = ["pooled_evidence", "pooled_needs"]

MISSING = (
    "how many rows there are, and how many have no value of each feature without bins; of each party none or "
    "all where fewer rows than the smallest group have none, or have one"
)


def pooled_needs(context: PlanContext, params: SelectParams, choosing: Choosing) -> dict[str, Any]:
    """What a plan says of it, as fields of a step plan. Errors: CT-3235."""
    totals: list[Total] = []
    needs: dict[str, Any] = {"statement": SUMS}
    if choosing.correlated is not None:
        totals += pooled_correlation_needs(context, choosing.correlated)["totals"]
    if choosing.fitted is not None:
        fitted = choosing.fitted.pooled_needs(context)
        totals += fitted.pop("totals")
        needs["statement"] = fitted["statement"]
    if names := _without_bins(context, params, choosing):
        enough_beside(context, choosing.shape)
        totals.append(Total(MISSING, len(names) + 1, WHOLE, kind="profile"))
    return {**planned_sums(context, totals, at_most=choosing.fitted is not None), **needs}


def pooled_evidence(context: RunContext, params: SelectParams, choosing: Choosing) -> Evidence:
    """Errors: those of correlations and of a training over sums."""
    correlated, fitted = choosing.correlated, choosing.fitted
    matrix = None if correlated is None else pooled_correlations(context, correlated)
    information = None if fitted is None else fitted.pooled(context)
    missing = _missing_rates(context, params, choosing)
    return Evidence(choosing.places, information_values(context, choosing), missing, matrix, information)


def _without_bins(context: PlanContext, params: SelectParams, choosing: Choosing) -> Sequence[str]:
    """Features whose missing values are to be counted."""
    if params.max_missing is None:
        return ()
    binned = {name for step in steps_binning(context) for name in context.models[step].columns.get(EACH, ())}
    return tuple(name for name in choosing.shape.columns.get(EACH, ()) if name not in binned)


def _missing_rates(context: RunContext, params: SelectParams, choosing: Choosing) -> dict[str, float]:
    """By place: as the last bins of each met them, or as they are."""
    if params.max_missing is None:
        return {}
    planning, frame, group = context.planning, training_of(context.frames), context.planning.min_group
    rates = {}
    for step in steps_binning(planning):
        for one in bins_here(context, step, EACH).columns:
            rates[f"{EACH}.{one.name}"] = rate_of(one.missing_rows, one.rows, group)
    names = _without_bins(planning, params, choosing)
    if names:
        own = [_counted(frame.column(EACH, name), group) for name in names]
        told = context.sums().total(MISSING, np.array([*own, frame.rows], np.float64), WHOLE)
        for name, missing in zip(names, told.tolist(), strict=False):
            rates[f"{EACH}.{name}"] = missing / float(told[-1])
    return {place: rates[place] for place in choosing.places}


def _counted(column: pa.ChunkedArray, group: int) -> int:
    """Missing values of this party, as it tells them."""
    if column.null_count < group:
        return 0
    return len(column) if len(column) - column.null_count < group else column.null_count
