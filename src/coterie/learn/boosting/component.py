"""``boosting``: train boosted trees over all columns, at the one place where they are."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np

from coterie.errors import CoterieError
from coterie.learn.boosting import clear, horizontal
from coterie.learn.boosting.columns import features_of, matrix
from coterie.learn.boosting.model import BoostedTrees, Made, load_model
from coterie.learn.boosting.params import BoostingParams
from coterie.learn.boosting.statement import HISTORY, IMPORTANCE, MODEL, SHAP
from coterie.learn.component import (
    Component,
    Engine,
    FrameShape,
    PlanContext,
    ResultKind,
    Reveal,
    RunContext,
    StepPlan,
)
from coterie.learn.errors import FRAME_MISSING, ONE_CLASS
from coterie.learn.joined import (
    NO_RECEIVER,
    NO_SUCH_FEATURE,
    JoinedFacts,
    SavesJoined,
    check_whole,
    give_rows,
    granted,
    held_back,
    training_columns,
    training_frame,
    training_shape,
)
from coterie.learn.linear import CLEAR, Floats

__all__ = ["Boosting"]


class Boosting(Component[BoostingParams], SavesJoined):
    """Trains on "train", or on "all" where the rows are not split. Missing values stay missing.

    Engines "clear" and "tee": all columns are in one place, and whoever is granted the model learns it.
    Engine "fl": every party has rows of its own, and by the totals of which trees are made each learns the
    model; what is told of rows stays with the party that has them.

    Errors: CT-3001 without aligned rows, CT-3055 without features, CT-3080 without XGBoost, CT-3081, CT-3082;
    CT-1501, CT-1502, CT-1503, CT-3016, CT-3083 (label), CT-1433, CT-3020, CT-3028, CT-3090 (features),
    CT-3015 (rows held back), CT-3052 (columns elsewhere), CT-3092 (not in engine fl).
    """

    name: ClassVar[str] = "boosting"
    summary: ClassVar[str] = "Train boosted trees (XGBoost); missing values and categories as they are."
    Parameters: ClassVar = BoostingParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "fl"})
    libraries: ClassVar[tuple[str, ...]] = ("xgboost",)

    def plan(self, context: PlanContext, params: BoostingParams) -> StepPlan:
        shape = training_shape(context)
        columns = training_columns(shape)
        _check_named(context, columns, params)
        if context.engine == "clear":  # elsewhere it is not the planning party that trains
            clear.need_xgboost(context.step)
        results = _results(context, params)
        context.models[context.step] = JoinedFacts(columns, params)
        plan = StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=_reveals(context, shape, params, results),
            results=results,
            memory=_memory(shape, params),
            operations=params.rounds * shape.rows * shape.width * params.max_depth // 4,
            statement=CLEAR,
        )
        if context.engine == "fl":
            return horizontal.planned(context, shape, params, plan)
        return plan

    def loaded(self, content: bytes) -> BoostedTrees:
        return load_model(content)

    def run(self, context: RunContext, params: BoostingParams) -> None:
        try:
            clear.need_xgboost(context.step)
            model = _trained(context, params)
            context.models[context.step] = model
            context.give("model", f"{context.step}.model", model.to_bytes)
            if "importance" in context.plan.results:
                rows, means = _mean_shares(context, model, params)
                context.tell("importance", lambda: _importance(model, rows, means))
            if params.shap is not None and context.receiving("shap"):
                _give_shares(context, model, params.shap)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None


def _check_named(context: PlanContext, columns: dict[str, tuple[str, ...]], params: BoostingParams) -> None:
    known = {f"{owner}.{name}" for owner, names in columns.items() for name in names}
    for column in params.named:
        if column not in known:
            raise NO_SUCH_FEATURE(f"'{column}'", step=context.step)
    if params.shap is not None and params.shap not in context.frames:
        raise FRAME_MISSING(f"'{params.shap}'", step=context.step)


def _results(context: PlanContext, params: BoostingParams) -> dict[str, tuple[str, ...]]:
    kinds: list[ResultKind] = ["model", "importance", "loss"]
    if params.shap is not None:
        if not context.receiving("shap"):
            raise NO_RECEIVER("'shap'", step=context.step)
        kinds.append("shap")
    return granted(context, kinds)


def _reveals(
    context: PlanContext, shape: FrameShape, params: BoostingParams, results: dict[str, tuple[str, ...]]
) -> tuple[Reveal, ...]:
    """What each receiver learns, at most."""
    nodes = params.rounds * min(params.largest_tree, 2 * shape.rows)
    rows = context.frames[params.shap].rows if params.shap else 0
    told: dict[ResultKind, tuple[str, int]] = {
        "model": (MODEL, 4 * nodes),
        "importance": (IMPORTANCE, 4 * shape.width),
        "loss": (HISTORY, 2 * params.rounds),
        "shap": (SHAP, rows * (shape.width + 1)),
    }
    return tuple(
        Reveal(what, results[kind], values, kind) for kind, (what, values) in told.items() if kind in results
    )


def _memory(shape: FrameShape, params: BoostingParams) -> int:
    """Bytes, at most: values as float32, XGBoost's copy of not too many, their bins (4 bytes each where some
    are missing), gradients and scores, a histogram for each node."""
    values = shape.rows * shape.width
    histograms = 16 * params.max_bins * shape.width * min(params.largest_tree, 2 * shape.rows)
    return 8 * values + 8 * min(values, clear.PAGED) + 64 * shape.rows + histograms


def _trained(context: RunContext, params: BoostingParams) -> BoostedTrees:
    if context.engine == "fl":
        return horizontal.trained(context, params)
    import xgboost

    shape, frame = training_shape(context.planning), training_frame(context)
    check_whole(context, shape)
    facts = JoinedFacts(training_columns(shape), params)
    label = frame.labels().astype(np.float64) if params.classifies else frame.target()
    clear.check_label(label, params, f"'{frame.label}'")
    context.progress(0, params.rounds, "reading columns")
    features = features_of(frame, facts.places, params)
    values, held = matrix(frame, features), None
    if params.early_stopping is not None:
        kept, back = held_back(frame, params.validation, str(params.seed))
        held = clear.HeldBack(values[back], label[back])
        values, label = values[kept], label[kept]
        _check_both(label, held, params)
    threads = params.threads or clear.cores()
    fitted = clear.fit(
        values,
        label,
        [feature.kind for feature in features],
        params.library(facts.places, threads),
        params,
        held,
        look="loss" in context.plan.results,
        progress=partial(context.progress, unit="trees"),
    )
    context.tell("loss", {"metric": params.library_metric, "loss": fitted.history})
    made = Made(
        library=xgboost.__version__,
        threads=threads,
        rows=len(label),
        held_back=0 if held is None else len(held.label),
        trees=fitted.rounds,
    )
    return BoostedTrees(facts, features, fitted.booster, made)


def _check_both(label: Floats, held: clear.HeldBack, params: BoostingParams) -> None:
    """After rows were held back too, both label values are needed: for training, and for an AUC."""
    clear.check_label(label, params, "the rows that are not held back")
    if params.metric == "auc" and held.label.min() == held.label.max():
        raise ONE_CLASS("of those held back for early stopping")


def _mean_shares(context: RunContext, model: BoostedTrees, params: BoostingParams) -> tuple[int, Any]:
    """Rows looked at, and the mean magnitude of each feature's share in their scores; None for no rows."""
    if context.engine == "fl":
        return horizontal.mean_shares(context, model, params)
    frame = training_frame(context)
    rows = min(params.shap_rows, frame.rows) if context.receiving("importance") else 0
    return rows, np.abs(model.shares(frame, rows)).mean(axis=0, dtype=np.float64) if rows else None


def _importance(model: BoostedTrees, rows: int, means: Any) -> dict[str, Any]:
    """The document, by owner and column."""
    measures: list[dict[str, Any]] = list(clear.importance(model.booster, len(model.features)))
    if rows:
        measures = [{**one, "mean_abs_shap": float(means[place])} for place, one in enumerate(measures)]
    columns: dict[str, dict[str, Any]] = {owner: {} for owner in model.facts.columns}
    for feature, one in zip(model.features, measures, strict=True):
        columns[feature.owner][feature.name] = one
    return {"columns": columns, "shap_rows": rows, "trees": model.made.trees}


def _give_shares(context: RunContext, model: BoostedTrees, name: str) -> None:
    """Own ids of the rows with a column for each feature, and one for what is expected of any row."""
    frame = context.frames[name]
    found = model.shares(frame)
    columns = {f"{one.owner}.{one.name}": found[:, place] for place, one in enumerate(model.features)}
    columns["(expected)"] = found[:, -1]
    give_rows(context, "shap", f"{context.step}.shap.parquet", frame, columns)
