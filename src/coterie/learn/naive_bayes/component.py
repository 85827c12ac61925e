"""``naive_bayes``: what each feature by itself says of the label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
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
from coterie.learn.joined import (
    LABEL_UNFIT,
    NO_SUCH_FEATURE,
    JoinedFacts,
    JoinedParams,
    SavesJoined,
    check_whole,
    granted,
    training_columns,
    training_frame,
    training_shape,
)
from coterie.learn.linear import CLEAR, Place, places_of
from coterie.learn.naive_bayes import clear
from coterie.learn.naive_bayes.model import Bayes, BayesFacts, load_model
from coterie.learn.naive_bayes.params import NaiveBayesParams
from coterie.learn.naive_bayes.statement import BY_SUMS, MODEL
from coterie.learn.pooled import alone, complete_values, enough_beside, is_text
from coterie.learn.summed import planned_sums

__all__ = ["NaiveBayes"]

KINDS: tuple[ResultKind, ...] = ("model", "coefficients")


class NaiveBayes(Component[NaiveBayesParams], SavesJoined):
    """Trains on "train", or on "all" where the rows are not split.

    Engines "clear" and "tee": all columns are in one place, and whoever is granted the model learns it.
    Engine "fl": every party has rows of its own, and all learn the model by the sums it is made of.

    Errors: CT-3001 without aligned rows, CT-3055 without features, CT-3082; CT-1501, CT-1502, CT-1503,
    CT-3016, CT-3083, CT-3286 (label), CT-1433, CT-3025, CT-3027, CT-3028, CT-3285, CT-3287 (features),
    CT-3052 (columns elsewhere); in engine fl CT-3235.
    """

    name: ClassVar[str] = "naive_bayes"
    summary: ClassVar[str] = "Train naive Bayes: what each number and category by itself says of the label."
    Parameters: ClassVar = NaiveBayesParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "fl"})

    def plan(self, context: PlanContext, params: NaiveBayesParams) -> StepPlan:
        shape = training_shape(context)
        columns = training_columns(shape)
        numeric, categorical = _divided(shape, columns, params)
        for column in params.categorical:
            if column not in {f"{owner}.{name}" for owner, name in categorical}:
                raise NO_SUCH_FEATURE(f"'{column}'", step=context.step)
        results = granted(context, KINDS)
        context.models[context.step] = BayesFacts(columns, params)
        size = params.values * (1 + 2 * len(numeric) + len(categorical) * (params.categories + 1))
        plan = StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=tuple(Reveal(MODEL, results[kind], size, kind) for kind in KINDS if kind in results),
            results=results,
            memory=3 * 8 * shape.rows * max(1, len(numeric)) + 32 * shape.rows,
            operations=4 * shape.rows * shape.width,
            statement=CLEAR,
        )
        if context.engine != "fl":
            return plan
        enough_beside(context, shape)
        totals = clear.totals(len(numeric), len(categorical), params)
        sums = planned_sums(context, totals, at_most=bool(categorical))
        return replace(plan, **{**sums, "reveals": (*sums["reveals"], *plan.reveals)}, statement=BY_SUMS)

    def facts_again(self, params: JoinedParams, public: Mapping[str, JsonValue]) -> JoinedFacts:
        """As :meth:`SavesModel.facts_again`."""
        assert isinstance(params, NaiveBayesParams)
        return BayesFacts(super().facts_again(params, public).columns, params)

    def loaded(self, content: bytes) -> Bayes:
        return load_model(content)

    def run(self, context: RunContext, params: NaiveBayesParams) -> None:
        if not context.computes:
            return
        try:
            model = _trained(context, params)
            context.models[context.step] = model
            context.give("model", f"{context.step}.model", model.to_bytes)
            context.tell("coefficients", lambda: model.record().model_dump(mode="json"))
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None


def _divided(
    shape: FrameShape,
    columns: Mapping[str, tuple[str, ...]],
    params: NaiveBayesParams,
    frame: VerticalFrame | None = None,
) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Columns that are numbers, and those of categories, as it is known while the job is planned.

    :param frame: where all rows are, with columns of texts that nobody has declared.
    """
    wanted, places = shape.texts | frozenset(params.categorical), places_of(columns)
    if frame is not None:
        wanted |= {".".join(place) for place in places if is_text(frame.column(*place).type)}
    categorical = tuple(place for place in places if ".".join(place) in wanted)
    return tuple(place for place in places if place not in categorical), categorical


def _trained(context: RunContext, params: NaiveBayesParams) -> Bayes:
    shape, frame = training_shape(context.planning), training_frame(context)
    check_whole(context, shape)
    facts = BayesFacts(training_columns(shape), params)
    pooled = context.engine == "fl"
    numeric, categorical = _divided(shape, facts.columns, params, None if pooled else frame)
    context.progress(0, 1, "reading columns")
    own = clear.Own(
        labels=_labels(frame, params),
        numbers=complete_values(frame, numeric) if numeric else np.zeros((frame.rows, 0)),
        texts=[_texts(frame, place) for place in categorical],
        names=tuple(name for _, name in numeric),
    )
    least = context.planning.min_group
    if pooled:
        sums = context.sums()
        found = clear.fit(sums.total, own, params, least, lambda: context.me in sums.counted)
    else:
        found = clear.fit(alone, own, params, least)
    return Bayes(facts, params, numeric, categorical, found)


def _labels(frame: VerticalFrame, params: NaiveBayesParams) -> NDArray[np.int64]:
    """(rows,) from 0. Errors: CT-1501, CT-1502; CT-3083 for a value that is none of several classes."""
    if params.classes is None:
        return frame.labels().astype(np.int64)
    given = frame.target()
    if not ((given == np.rint(given)) & (given >= 0) & (given < params.classes)).all():
        raise LABEL_UNFIT(
            f"'{frame.label}' has a value that is no whole number from 0 to {params.classes - 1}"
        )
    return given.astype(np.int64)


def _texts(frame: VerticalFrame, place: Place) -> clear.Texts:
    owner, name = place
    return clear.texts_of(frame.column(owner, name), name)
