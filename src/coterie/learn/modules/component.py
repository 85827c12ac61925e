"""``module``: train a network that a user has written, where every party has rows of its own."""

from __future__ import annotations

from typing import ClassVar

from coterie.errors import CoterieError
from coterie.learn.component import (
    Component,
    Engine,
    PlanContext,
    ResultKind,
    Reveal,
    RunContext,
    StepPlan,
    Total,
)
from coterie.learn.joined import granted, training_columns, training_frame, training_shape
from coterie.learn.linear import NO_BOUND
from coterie.learn.modules.errors import MODULES_DIFFER
from coterie.learn.modules.model import ModuleModel, building_of
from coterie.learn.modules.params import ModuleParams
from coterie.learn.modules.statement import MODULE, SAME, WEIGHTS
from coterie.learn.modules.trainer import SandboxedTrainer
from coterie.learn.neural import Made, NetworkFacts, Setting, need_torch, planned, prepared, trained_rounds
from coterie.learn.pooled import WHOLE, all_equal

__all__ = ["Module"]


class Module(Component[ModuleParams]):
    """Trains on "train", or on "all" where the rows are not split. Features must be on one scale.

    Every party runs the agreement's module in a sandbox, on rows of its own; all learn the totals of the
    weights' changes, and so the network after every round.

    Errors: CT-3001, CT-3050, CT-3055, CT-3235, CT-3236, CT-3242 (plans); those of ``neural`` in engine fl;
    CT-2285 to CT-2288 where a party can make no sandbox; CT-3245 without PyTorch; CT-3260 to CT-3264,
    CT-3268.
    """

    name: ClassVar[str] = "module"
    summary: ClassVar[str] = "Train a network that a user has written, in a sandbox at every party."
    Parameters: ClassVar = ModuleParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"fl"})
    resumes: ClassVar[bool] = True

    def uses_modules(self, params: ModuleParams) -> tuple[str, ...]:
        return (params.module,)

    def plan(self, context: PlanContext, params: ModuleParams) -> StepPlan:
        shape = training_shape(context)
        if shape.bound is None:
            raise NO_BOUND("the columns of the training rows are not on one scale", step=context.step)
        kinds: tuple[ResultKind, ...] = ("model", "loss")
        results = granted(context, kinds)
        fields = planned(context, params, params.layout, shape, [Total(SAME, 2, WHOLE)])
        fields["statement"] = MODULE
        context.models[context.step] = NetworkFacts(training_columns(shape), params)
        if "model" in results:
            count = sum(one.size for one in params.layout) + 2
            fields["reveals"] = (*fields["reveals"], Reveal(WEIGHTS, results["model"], count, "model"))
        given = params.model_dump(mode="json")
        return StepPlan(context.step, self.name, given, **fields, results=results)

    def run(self, context: RunContext, params: ModuleParams) -> None:
        try:
            model = _trained(context, params)
            context.models[context.step] = model
            context.give("model", f"{context.step}.model", model.to_bytes)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None


def _trained(context: RunContext, params: ModuleParams) -> ModuleModel:
    need_torch(context.step)
    shape, frame = training_shape(context.planning), training_frame(context)
    context.progress(0, params.rounds, "reading columns")
    source = context.modules[params.module]
    rows, held, scale = prepared(context, params, shape, frame)
    setting = Setting.of(context.planning, params, params.layout, shape)
    building = building_of(source, params, shape.width)
    with SandboxedTrainer(building, params.weights, context.mesh.check) as trainer:
        begun = b"".join(one.tobytes() for one in trainer.initial(setting.run))
        sums = context.sums()
        if not all_equal(sums.total, SAME, begun, lambda: len(sums.counted)):
            raise MODULES_DIFFER("where they are built from the job's seed")
        found = trained_rounds(context, params, trainer, rows, held, shape)
    made = Made(library="torch", rows=found.rows, held_back=found.held_back, epochs=max(1, found.rounds))
    facts = NetworkFacts(training_columns(shape), params)
    return ModuleModel(facts, params, source, found.weights, scale, made, context.mesh.check)
