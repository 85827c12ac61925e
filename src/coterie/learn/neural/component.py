"""``neural``: train a small neural network over all columns, at the one place where they are."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np

from coterie.errors import CoterieError
from coterie.learn.component import (
    Component,
    Engine,
    PlanContext,
    ResultKind,
    Reveal,
    RunContext,
    StepPlan,
)
from coterie.learn.errors import ONE_CLASS
from coterie.learn.joined import (
    LABEL_UNFIT,
    JoinedFacts,
    SavesJoined,
    check_whole,
    granted,
    held_back,
    training_columns,
    training_frame,
    training_shape,
)
from coterie.learn.linear import CLEAR, NO_BOUND, Floats
from coterie.learn.neural import clear
from coterie.learn.neural.model import Made, Network, load_model, values
from coterie.learn.neural.params import NeuralParams
from coterie.learn.neural.statement import HISTORY, MODEL

__all__ = ["Neural"]


class Neural(Component[NeuralParams], SavesJoined):
    """Trains on "train", or on "all" where the rows are not split. Features must be on one scale.

    Engines "clear" and "tee": all columns are in one place, and whoever is granted the model learns it.

    Errors: CT-3001 without aligned rows, CT-3050 without `standardize`, CT-3055 without features, CT-3080
    without scikit-learn; CT-1501, CT-1502, CT-1503, CT-3016, CT-3083 (label), CT-1433, CT-3027, CT-3028
    (features), CT-3015 (rows held back), CT-3052 (columns elsewhere), CT-3095 where training diverges.
    """

    name: ClassVar[str] = "neural"
    summary: ClassVar[str] = "Train a small neural network (multilayer perceptron, scikit-learn)."
    Parameters: ClassVar = NeuralParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear"})
    libraries: ClassVar[tuple[str, ...]] = ("sklearn.neural_network",)

    def plan(self, context: PlanContext, params: NeuralParams) -> StepPlan:
        shape = training_shape(context)
        if shape.bound is None:
            raise NO_BOUND("the columns of the training rows are not on one scale", step=context.step)
        if context.engine == "clear":  # elsewhere it is not the planning party that trains
            clear.need_learner(context.step)
        kinds: tuple[ResultKind, ...] = ("model", "loss")
        results, columns = granted(context, kinds), training_columns(shape)
        context.models[context.step] = JoinedFacts(columns, params)
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

    def loaded(self, content: bytes) -> Network:
        return load_model(content)

    def run(self, context: RunContext, params: NeuralParams) -> None:
        try:
            model = _trained(context, params)
            context.models[context.step] = model
            context.give("model", f"{context.step}.model", model.to_bytes)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None


def _trained(context: RunContext, params: NeuralParams) -> Network:
    clear.need_learner(context.step)
    import sklearn

    shape, frame = training_shape(context.planning), training_frame(context)
    check_whole(context, shape)
    facts = JoinedFacts(training_columns(shape), params)
    context.progress(0, params.epochs, "reading columns")
    label = frame.labels().astype(np.float64) if params.classifies else frame.target()
    features, held = values(frame, facts.places), None
    rows = np.arange(frame.rows)
    if params.early_stopping is not None:
        rows, back = held_back(frame, params.validation, str(params.seed))
    scale = _scale(label[rows], params, frame.label)
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


def _scale(label: Floats, params: NeuralParams, name: str) -> clear.Scale:
    """Of the labels to train on. Errors: CT-3016 for one class, CT-3083 for a number that does not vary."""
    if params.classifies:
        if label.min() == label.max():
            raise ONE_CLASS("of the training rows")
        return clear.Scale()
    scale = clear.scale_of(label)
    if not (np.isfinite(scale.deviation) and scale.deviation > 0):
        raise LABEL_UNFIT(f"'{name}' has one value in all training rows, or values that are too large")
    return scale
