"""The step where every party has rows of its own: engine fl."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.fl import EXACT
from coterie.learn.boosting import clear, fl
from coterie.learn.boosting.columns import features_of, matrix
from coterie.learn.boosting.errors import NOT_BY_SUMS
from coterie.learn.boosting.model import BoostedTrees, Made
from coterie.learn.boosting.params import BoostingParams
from coterie.learn.boosting.statement import BY_SUMS, SHARES
from coterie.learn.boosting.written import model_document
from coterie.learn.component import FrameShape, PlanContext, RunContext, StepPlan, Total
from coterie.learn.joined import JoinedFacts, training_columns, training_frame, training_shape
from coterie.learn.pooled import enough_beside
from coterie.learn.split import drawn_rows
from coterie.learn.summed import planned_sums

__all__ = ["held_back_rows", "mean_shares", "planned", "trained"]


def planned(context: PlanContext, shape: FrameShape, params: BoostingParams, plan: StepPlan) -> StepPlan:
    """The plan with its sums. :param plan: without them. Errors: CT-3092, CT-3235."""
    if params.categorical:
        raise NOT_BY_SUMS("categorical", step=context.step)
    if params.metric == "auc" and params.early_stopping is not None:
        raise NOT_BY_SUMS("metric auc", step=context.step)
    enough_beside(context, shape)
    totals = fl.planned(params, shape.rows, shape.width, max(1, context.min_group), look=_looks(params, plan))
    if _explains(params, plan):
        totals.append(Total(SHARES, 1 + shape.width, EXACT, kind="importance"))
    sums = planned_sums(context, totals, at_most=True)
    reveals = (*sums.pop("reveals"), *plan.reveals)
    largest = max(shape.horizontal.values()) if shape.horizontal else shape.rows
    memory = _memory(largest, shape, params)
    return dataclasses.replace(plan, **sums, reveals=reveals, memory=memory, statement=BY_SUMS)


def _looks(params: BoostingParams, plan: StepPlan) -> bool:
    return "loss" in plan.results or params.early_stopping is not None


def _explains(params: BoostingParams, plan: StepPlan) -> bool:
    return "importance" in plan.results and params.shap_rows > 0


def _memory(rows: int, shape: FrameShape, params: BoostingParams) -> int:
    """Bytes, at most: values, their places in order, bins; derivatives, scores; histograms of two levels,
    as they are, summed and masked."""
    nodes: int = max(1, min(1 << params.max_depth, shape.rows))
    return rows * (24 * shape.width + 64) + 5 * 16 * (params.max_bins + 1) * shape.width * nodes


def trained(context: RunContext, params: BoostingParams) -> BoostedTrees:
    """The model of all parties' rows, the same at each.

    Errors: as :class:`coterie.learn.boosting.Boosting`, of all parties' rows together where one party's alone
    are no reason.
    """
    import xgboost

    shape, frame = training_shape(context.planning), training_frame(context)
    facts = JoinedFacts(training_columns(shape), params)
    label = frame.labels().astype(np.float64) if params.classifies else frame.target()
    clear.check_own_label(label, params, f"'{frame.label}'")
    context.progress(0, params.rounds, "reading columns")
    features = features_of(frame, facts.places, params, whole=False)
    grown = fl.fit(
        fl.Own(
            matrix(frame, features),
            label.astype(np.float32),
            held_back_rows(frame, params),
            tuple(feature.name for feature in features),
        ),
        params,
        _signs(facts, params),
        context.sums(),
        shape.rows,
        max(1, context.planning.min_group),
        look=_looks(params, context.plan),
        progress=lambda done: context.progress(done, params.rounds, "trees", unit="trees"),
    )
    context.tell("loss", {"metric": params.library_metric, "loss": grown.history})
    made = Made(
        library=xgboost.__version__,
        threads=1,  # nothing depends on how many there are, and they differ between parties
        rows=grown.rows,
        held_back=grown.held_back,
        trees=len(grown.trees),
    )
    body = model_document(grown.trees, grown.base, features, params)
    return BoostedTrees(facts, features, clear.loaded(body), made)


def held_back_rows(frame: VerticalFrame, params: BoostingParams) -> NDArray[np.bool_]:
    """(rows,) drawn by their ids, as by `split`; whether there are any is for all parties together."""
    if params.early_stopping is None:
        return np.zeros(frame.rows, bool)
    return drawn_rows(frame, params.validation, f"early stopping {params.seed}")


def _signs(facts: JoinedFacts, params: BoostingParams) -> NDArray[np.int8]:
    return np.array([params.monotone.get(f"{owner}.{name}", 0) for owner, name in facts.places], np.int8)


def mean_shares(context: RunContext, model: BoostedTrees, params: BoostingParams) -> tuple[int, Any]:
    """Over how many rows of all parties, and each feature's mean share in their scores, in magnitude."""
    if not _explains(params, context.plan):
        return 0, None
    frame = training_frame(context)
    own = np.zeros(1 + len(model.features))
    own[0] = min(params.shap_rows, frame.rows)
    if own[0]:
        found = np.abs(model.shares(frame, int(own[0]))).sum(axis=0, dtype=np.float64)
        own[1:] = found[:-1]
    total = context.sums().total(SHARES, own)
    return round(float(total[0])), total[1:] / max(1.0, float(total[0]))
