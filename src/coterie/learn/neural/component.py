"""``neural``: train a small neural network over all columns, at the one place where they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import numpy as np
from pydantic import JsonValue

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
from coterie.learn.errors import PRIVACY_UNFIT
from coterie.learn.joined import (
    JoinedFacts,
    JoinedParams,
    SavesJoined,
    check_whole,
    granted,
    held_back,
    training_columns,
    training_frame,
    training_shape,
)
from coterie.learn.linear import CLEAR, NO_BOUND
from coterie.learn.neural import clear, horizontal
from coterie.learn.neural.fl import Perceptron
from coterie.learn.neural.labels import check_label, scale_for
from coterie.learn.neural.model import Made, Network, NetworkFacts, load_model, values
from coterie.learn.neural.params import NeuralParams
from coterie.learn.neural.private import plan_private
from coterie.learn.neural.statement import HISTORY, MODEL

__all__ = ["Neural"]


class Neural(Component[NeuralParams], SavesJoined):
    """Trains on "train", or on "all" where the rows are not split. Features must be on one scale.

    Engines "clear" and "tee": all columns are in one place, and whoever is granted the model learns it.
    Engine "fl": every party trains on rows of its own, by PyTorch, and all learn the totals of their changes,
    and so the network after every round.

    Errors: CT-3001 without aligned rows, CT-3050 without `standardize`, CT-3055 without features, CT-3080
    without scikit-learn; CT-1501, CT-1502, CT-1503, CT-3016, CT-3083 (label), CT-1433, CT-3027, CT-3028
    (features), CT-3015 (rows held back), CT-3052 (columns elsewhere), CT-3095 where training diverges. In
    engine fl CT-3235, CT-3236, CT-3240, CT-3241, CT-3242, CT-3243, CT-3246, CT-3245 without PyTorch.
    """

    name: ClassVar[str] = "neural"
    summary: ClassVar[str] = (
        "Train a small neural network (multilayer perceptron; by rounds where rows are apart)."
    )
    Parameters: ClassVar = NeuralParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "fl"})
    libraries: ClassVar[tuple[str, ...]] = ("sklearn.neural_network",)
    resumes: ClassVar[bool] = True

    def plan(self, context: PlanContext, params: NeuralParams) -> StepPlan:
        shape = training_shape(context)
        if params.privacy is not None and context.engine != "fl":
            raise PRIVACY_UNFIT("'privacy' is for engine fl", step=context.step)
        if shape.bound is None:
            raise NO_BOUND("the columns of the training rows are not on one scale", step=context.step)
        if context.engine == "clear":  # elsewhere it is not the planning party that trains
            clear.need_learner(context.step)
        kinds: tuple[ResultKind, ...] = ("model", "loss")
        results, columns = granted(context, kinds), training_columns(shape)
        if context.engine == "fl":
            return self._plan_fl(context, params, shape, results)
        context.models[context.step] = NetworkFacts(columns, params)
        numbers = params.numbers(shape.width)
        told: dict[ResultKind, tuple[str, int]] = {
            "model": (MODEL, numbers + 2),
            "loss": (HISTORY, 2 * params.epochs),
        }
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=tuple(
                Reveal(what, results[kind], count, kind)
                for kind, (what, count) in told.items()
                if kind in results
            ),
            results=results,
            memory=3 * 8 * shape.rows * shape.width + 8 * 8 * numbers,
            operations=3 * params.epochs * shape.rows * numbers,
            statement=CLEAR,
        )

    def _plan_fl(
        self,
        context: PlanContext,
        params: NeuralParams,
        shape: FrameShape,
        results: dict[str, tuple[str, ...]],
    ) -> StepPlan:
        if params.privacy is None:
            layout = Perceptron(params.sizes(shape.width), params.activation).layout
            fields = horizontal.planned(context, params, layout, shape)
        else:
            fields = plan_private(context, params, shape)
            results = {kind: to for kind, to in results.items() if kind != "loss"}
        context.models[context.step] = NetworkFacts(training_columns(shape), params)
        if "model" in results:
            count = params.numbers(shape.width) + 2
            fields["reveals"] = (*fields["reveals"], Reveal(MODEL, results["model"], count, "model"))
        given = params.model_dump(mode="json")
        return StepPlan(context.step, self.name, given, **fields, results=results)

    def facts_again(self, params: JoinedParams, public: Mapping[str, JsonValue]) -> JoinedFacts:
        """As :meth:`SavesModel.facts_again`."""
        assert isinstance(params, NeuralParams)
        return NetworkFacts(super().facts_again(params, public).columns, params)

    def loaded(self, content: bytes) -> Network:
        return load_model(content)

    def run(self, context: RunContext, params: NeuralParams) -> None:
        try:
            fl = context.engine == "fl"
            model = horizontal.trained(context, params) if fl else _trained(context, params)
            context.models[context.step] = model
            context.give("model", f"{context.step}.model", model.to_bytes)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None


def _trained(context: RunContext, params: NeuralParams) -> Network:
    clear.need_learner(context.step)
    import sklearn

    shape, frame = training_shape(context.planning), training_frame(context)
    check_whole(context, shape)
    facts = NetworkFacts(training_columns(shape), params)
    context.progress(0, params.epochs, "reading columns")
    label = frame.labels().astype(np.float64) if params.classifies else frame.target()
    features, held = values(frame, facts.places), None
    rows = np.arange(frame.rows)
    if params.early_stopping is not None:
        rows, back = held_back(frame, params.validation, str(params.seed))
    check_label(label, params, frame.label)
    scale = scale_for(label[rows], params, frame.label)
    scaled = (label - scale.mean) / scale.deviation
    if params.early_stopping is not None:
        held = clear.HeldBack(features[back], scaled[back])
        features, scaled = features[rows], scaled[rows]
    fitted = clear.fit(features, scaled, params, held, partial(context.progress, unit="epochs"))
    context.tell("loss", {"loss": fitted.history})
    made = Made(
        library=sklearn.__version__,
        rows=len(scaled),
        held_back=0 if held is None else len(held.label),
        epochs=fitted.epochs,
    )
    return Network(facts, params, fitted.layers, scale, made)
