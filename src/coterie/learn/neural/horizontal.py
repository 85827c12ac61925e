"""The step where every party has rows of its own: engine fl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from coterie.data import VerticalFrame
from coterie.learn.component import FrameShape, PlanContext, RunContext, Total
from coterie.learn.joined import training_columns, training_frame, training_shape
from coterie.learn.linear import Floats, places_of
from coterie.learn.neural import clear
from coterie.learn.neural.errors import TORCH_MISSING
from coterie.learn.neural.fl import (
    FederatedParams,
    Found,
    Layout,
    Perceptron,
    Rows,
    Setting,
    Trainer,
    asked,
    features_digest,
    kept_bytes,
    layers_of,
    planned_rounds,
    run_rounds,
    travelled_bytes,
)
from coterie.learn.neural.labels import check_label, vary
from coterie.learn.neural.model import Made, Network, NetworkFacts, values
from coterie.learn.neural.params import NeuralParams
from coterie.learn.neural.private import private_rows, train_private
from coterie.learn.neural.statement import BY_ROUNDS, MOMENTS, SPREAD
from coterie.learn.pooled import DIGITS, WHOLE, wide_total
from coterie.learn.split import drawn_rows
from coterie.learn.summed import planned_sums

__all__ = ["need_torch", "planned", "prepared", "trained", "trained_rounds"]

WORK = 6
"""Operations of a step for each number of a network and row: once forward, twice back, each two."""


def need_torch(step: str | None = None) -> None:
    """Raises CT-3245 where PyTorch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise TORCH_MISSING(step=step)


def planned(
    context: PlanContext,
    params: FederatedParams,
    layout: Layout,
    shape: FrameShape,
    more: Sequence[Total] = (),
) -> dict[str, Any]:
    """What a plan says of a training by rounds, as fields of a step plan; its reveals are those of the sums.

    :param more: further totals of the step.

    Errors: as :func:`coterie.learn.neural.fl.planned_rounds`.
    """
    setting = Setting.of(context, params, layout, shape)
    totals = [*more, *planned_rounds(context, setting, shape)]
    if params.task == "regression":
        totals += [Total(what, DIGITS, WHOLE, digits=DIGITS) for what in (MOMENTS, SPREAD)]
    largest, numbers = max(setting.rows.values()), sum(one.size for one in layout)
    epochs, follow = params.rounds * params.local_epochs, asked(context, params)
    return {
        **planned_sums(context, totals, at_most=True),
        "memory": 3 * 8 * largest * shape.width + 8 * 20 * numbers + follow * travelled_bytes(setting),
        "disk": 0 if follow else kept_bytes(setting),
        "operations": WORK * epochs * largest * numbers,
        "statement": BY_ROUNDS,
    }


def prepared(
    context: RunContext, params: FederatedParams, shape: FrameShape, frame: VerticalFrame
) -> tuple[Rows, Rows, clear.Scale]:
    """Own rows to train on, those that are held back, and the scale of a numeric label, over all parties.

    Errors: CT-1501, CT-1502, CT-3083 (label), CT-1422, CT-1433, CT-3027, CT-3028 (features); those of sums.
    """
    label = frame.labels().astype(np.float64) if params.classifies else frame.target()
    check_label(label, params, frame.label)
    features = values(frame, places_of(training_columns(shape)))
    held = np.zeros(frame.rows, bool)
    if params.early_stopping is not None:
        held = drawn_rows(frame, params.validation, f"early stopping {params.seed}")
    scale = clear.Scale()
    if params.task == "regression":
        scale = _scale(context, label, shape.rows, frame.label)
    scaled = ((label - scale.mean) / scale.deviation).astype(np.float32)
    singles = features.astype(np.float32)
    return Rows(singles[~held], scaled[~held]), Rows(singles[held], scaled[held]), scale


def _scale(context: RunContext, label: Floats, rows: int, name: str) -> clear.Scale:
    """Of all parties' training rows, those held back too."""
    adding = context.sums().total
    mean = float(wide_total(adding, MOMENTS, np.array([label.sum()]))[0]) / rows
    squares = np.array([np.square(label - mean).sum()])
    scale = clear.Scale(mean, float(np.sqrt(wide_total(adding, SPREAD, squares)[0] / rows)))
    vary(scale, name)
    return scale


def trained_rounds(
    context: RunContext, params: FederatedParams, trainer: Trainer, rows: Rows, held: Rows, shape: FrameShape
) -> Found:
    """Train, and give the losses to their receivers.

    Errors: as :func:`coterie.learn.neural.fl.run_rounds`.
    """
    follow = asked(context.planning, params)
    goes_on = context.planning.minimum is None and not follow  # see Setting.run; parts of before are not kept
    found = run_rounds(
        Setting.of(context.planning, params, trainer.layout, shape),
        context.sums(),
        trainer,
        rows,
        held,
        progress=lambda done: context.progress(done, params.rounds, "rounds", unit="rounds"),
        checkpoint=context.checkpoint if goes_on else None,
        follow=follow,
    )
    context.tell("loss", {"loss": found.history, "rounds": found.rounds})
    return found


def trained(context: RunContext, params: NeuralParams) -> Network:
    """The network, whose common layers are the same at all parties."""
    need_torch(context.step)
    shape, frame = training_shape(context.planning), training_frame(context)
    context.progress(0, params.rounds, "reading columns")
    facts = NetworkFacts(training_columns(shape), params)
    if params.privacy is not None:
        weights = train_private(context, params, private_rows(params, shape, frame), shape)
        told = Made(library="torch", rows=shape.rows, held_back=0, epochs=params.rounds)
        return Network(facts, params, layers_of(weights), clear.Scale(), told)
    rows, held, scale = prepared(context, params, shape, frame)
    trainer = Perceptron(params.sizes(shape.width), params.activation)
    found = trained_rounds(context, params, trainer, rows, held, shape)
    made = Made(
        library="torch",  # parties may have other versions of it, and the same network
        rows=found.rows,
        held_back=found.held_back,
        epochs=max(1, found.rounds),
    )
    way = found.way and replace(found.way, features=features_digest(values(frame, facts.places)))
    return Network(facts, params, layers_of(found.weights), scale, made, way)
