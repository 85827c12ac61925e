"""Engine fl with differential privacy: gradient descent on sums of clipped gradients, with noise in them.

Every pass each party shortens the gradient of each of its records (of a sample, where ``sampling`` says so)
to ``clip``, and adds its share of the noise (Abadi et al. 2016; Kairouz, Liu, Steinke 2021). All that follows
is made of these sums and of public numbers, so it costs nothing more. The result is the mean of the last half
of all steps, in which much of the noise is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.learn.component import FrameShape, PlanContext, ResultKind, RunContext
from coterie.learn.errors import PRIVACY_UNFIT
from coterie.learn.linear import ClearModel, Floats, ModelFacts, model_reveals, sigmoid
from coterie.learn.logistic.params import LogisticParams
from coterie.learn.private import PRIVATE, labels_there, noisy, noisy_total, private_sums, rows_counted

__all__ = ["plan_private", "run_private"]

GRADIENTS = (
    "the sum over all rows, or a sample of them, of clipped gradients, with noise for differential privacy"
)
MOMENTUM = 0.9
CELLS = 1 << 20
"""Of a block of rows that are worked on at once."""


def plan_private(context: PlanContext, shape: FrameShape, params: LogisticParams) -> dict[str, Any]:
    """What a plan says of it, as fields of a step plan. Errors: CT-2430, CT-2431, CT-2433, CT-3265."""
    given = params.privacy
    assert given is not None
    facts = ModelFacts(shape.columns, 0, 0.0, params)
    total = noisy(
        context,
        given,
        GRADIENTS,
        unit="record",
        values=facts.size,
        clip=given.clip,
        times=params.passes,
        sampling=given.sampling,
    )
    kinds: tuple[ResultKind, ...] = ("model", "coefficients")
    results: dict[str, tuple[str, ...]] = {kind: to for kind in kinds if (to := context.receiving(kind))}
    context.models[context.step] = facts
    needs = private_sums(context, [total])
    return needs | {
        "reveals": (*needs["reveals"], *model_reveals(results, facts.size)),
        "results": results,
        "memory": 4 * 8 * CELLS,
        "operations": 4 * params.passes * shape.rows * shape.width,
        "statement": PRIVATE,
    }


def run_private(context: RunContext, params: LogisticParams) -> ClearModel:
    """At each party with data. A record with a missing value, or one that is not finite, or another label
    than 0 and 1, gives nothing: were it an error, all would know that there is one."""
    given = params.privacy
    assert given is not None
    frame = "train" if "train" in context.frames else "all"
    shape, rows = context.planning.frames[frame], context.frames[frame]
    names = [name for owned in shape.columns.values() for name in owned]
    features, labels = rows.matrix(names), labels_there(rows)
    usable = np.isfinite(features).all(axis=1) & ((labels == 0) | (labels == 1))
    facts = ModelFacts(shape.columns, 0, 0.0, params)
    place, speed, mean = np.zeros(facts.size), np.zeros(facts.size), np.zeros(facts.size)
    penalised = np.append(np.full(facts.width, params.l2), np.zeros(int(params.intercept)))
    momentum = MOMENTUM if params.optimizer == "nesterov" else 0.0
    rate = params.learning_rate or _rate(facts.width, params)
    for done in range(params.passes):
        context.progress(done, params.passes, "training", unit="passes")
        ahead = place + momentum * speed

        def gradients(chosen: NDArray[np.intp], at: Floats = ahead) -> Iterator[Floats]:
            return _gradients(features, labels, chosen[usable[chosen]], at, intercept=params.intercept)

        total = noisy_total(context, GRADIENTS, gradients, len(labels))
        slope = total / (given.sampling * rows_counted(context, shape))
        speed = momentum * speed - rate * (slope + penalised * ahead)
        place = place + speed
        if 2 * done >= params.passes - 1:
            mean += place
    return ClearModel.of(facts, mean / (params.passes - params.passes // 2))


def _rate(width: int, params: LogisticParams) -> float:
    """Of plain steps one that never overshoots; of accelerated ones what suits features of which not all are
    alike."""
    if params.optimizer == "gradient_descent":
        return 4 / (width + 1 + 4 * params.l2)
    return 0.4 / (1 + 4 * params.l2)


def _gradients(
    features: Floats, labels: Floats, chosen: NDArray[np.intp], at: Floats, *, intercept: bool
) -> Iterator[Floats]:
    """(rows, size) in blocks, of the chosen rows."""
    step = max(1, CELLS // len(at))
    for start in range(0, len(chosen), step):
        some = chosen[start : start + step]
        block = features[some]
        if intercept:
            block = np.column_stack([block, np.ones(len(block))])
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite gives nothing
            yield block * (sigmoid(block @ at) - labels[some])[:, None]


def need_fl(context: PlanContext, params: LogisticParams) -> None:
    """Errors: CT-3266 where privacy is asked for in another engine."""
    if params.privacy is not None and context.engine != "fl":
        raise PRIVACY_UNFIT("'privacy' is for engine fl", step=context.step)
