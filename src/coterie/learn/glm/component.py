"""``glm``: train a generalised linear model over all parties' columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from coterie.errors import CoterieError
from coterie.learn.component import (
    EACH,
    Component,
    Engine,
    FrameShape,
    PlanContext,
    ResultKind,
    Reveal,
    RunContext,
    StepPlan,
)
from coterie.learn.errors import FRAME_MISSING
from coterie.learn.glm import clear
from coterie.learn.glm import mpc as secure
from coterie.learn.glm.design import Design, design
from coterie.learn.glm.errors import COLUMN_APART, NO_RECEIVER, OFFSET_ELSEWHERE
from coterie.learn.glm.fl import PooledTask
from coterie.learn.glm.own import own_blocks, own_part
from coterie.learn.glm.params import GlmParams
from coterie.learn.glm.running import needs_of_parts, sums_of, train
from coterie.learn.glm.statement import LOSS, MPC, RANGE, SCALE, STATISTICS, STOP, TABLE
from coterie.learn.glm.statistics import Sums, table
from coterie.learn.linear import (
    CLEAR,
    NO_BOUND,
    NO_FEATURES,
    ClearModel,
    Floats,
    ModelFacts,
    SavesLinear,
    SharedModel,
    feature_columns,
    model_reveals,
    need_all_here,
    place_of,
)
from coterie.learn.secure import covering, with_room
from coterie.mpc import Outputs

__all__ = ["Glm"]


@dataclass(frozen=True)
class _Task:
    """What is public of a training: derived again by whoever needs it."""

    shape: FrameShape
    columns: dict[str, tuple[str, ...]]
    """Features by owner."""
    numbers: Design
    roles: secure.Roles

    @property
    def formats(self) -> secure.Formats:
        return secure.Formats(self.numbers)

    @property
    def pooled(self) -> PooledTask:
        """Of engine fl."""
        return PooledTask(self.shape, self.columns, self.numbers, self.numbers.params.iterations)


class Glm(Component[GlmParams], SavesLinear):
    """Trains on "train", or on "all" where the rows are not split.

    Engine "mpc": every compute party keeps shares of the coefficients; those whom the agreement grants
    "coefficients" learn them. Engines "clear" and "tee": all columns are in one place, and whoever is granted
    "coefficients" or "model" learns them. Engine "fl": all parties have the same columns, and learn the sums
    over all rows of which Newton's iterations are made; so each knows the coefficients.

    Errors: CT-3001 without aligned rows, CT-3050 without known bounds, CT-3055, CT-3060, CT-3064, CT-3065,
    CT-2101 where the sizes do not fit the ring, CT-3235 and CT-3236 of engine fl; before anything is sent
    CT-3027, CT-3028, CT-3051 (features), CT-1501, CT-3016, CT-3061 (label), CT-3062 (weights), CT-3063
    (offset); CT-2108 where a value leaves its range.
    """

    name: ClassVar[str] = "glm"
    summary: ClassVar[str] = "Train a generalised linear model over the columns of all parties."
    Parameters: ClassVar = GlmParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})

    def plan(self, context: PlanContext, params: GlmParams) -> StepPlan:
        task = _task(context, params)
        results = _results(context, params)
        plan = StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            results=results,
        )
        rows, width = task.shape.rows, task.numbers.width
        if context.engine == "fl":
            context.models[context.step] = ModelFacts(task.columns, 0, 0.0, params)
            needs = task.pooled.needs(context)
            return replace(plan, **needs | {"reveals": (*needs["reveals"], *_reveals(context, task))})
        if context.engine != "mpc":
            context.models[context.step] = ModelFacts(task.columns, 0, 0.0, params)
            work = task.numbers.steps * rows * width * width
            reveals = _reveals(context, task)
            return replace(
                plan, reveals=reveals, memory=3 * 8 * rows * width, operations=work, statement=CLEAR
            )
        bound = task.formats.coefficient_bound
        context.models[context.step] = ModelFacts(task.columns, secure.COEFFICIENT_FRAC, bound, params)
        needs = needs_of_parts(context, _parts(context, task), task.formats, task.roles)
        if not context.exact:
            needs = with_room(covering(needs, _needs_of_full_batches(context, task) or needs))
        return replace(plan, **needs, reveals=_reveals(context, task), statement=MPC)

    def run(self, context: RunContext, params: GlmParams) -> None:
        try:
            task = _task(context.planning, params)
            if context.engine == "mpc":
                _run_mpc(context, task)
            elif context.engine == "fl":
                _run_fl(context, task)
            else:
                _run_clear(context, task)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None


def _needs_of_full_batches(context: PlanContext, task: _Task) -> dict[str, Any] | None:
    """Of fewer rows that are cut into fewer and larger batches, whose sums may be rounded once more: of as
    many whole batches as there can be. None where that is nothing else."""
    rows, size = task.shape.rows, task.numbers.params.batch_rows
    whole = rows // size * size
    if task.numbers.params.solver != "minibatch" or whole in (0, rows):
        return None
    numbers = design(whole, task.numbers.widths, task.numbers.params)
    fewer = replace(task, shape=task.shape.with_rows(whole), numbers=numbers)
    return needs_of_parts(context, _parts(context, fewer), fewer.formats, fewer.roles)


def _task(context: PlanContext, params: GlmParams) -> _Task:
    shape = next((context.frames[name] for name in ("train", "all") if name in context.frames), None)
    if shape is None:
        raise FRAME_MISSING("'train' or 'all'", step=context.step)
    for column in params.apart:
        party, name = place_of(column)
        if name not in shape.columns.get(party, ()) and column not in shape.apart:
            raise COLUMN_APART(f"'{column}'", step=context.step)
    columns = feature_columns(shape, params)
    if not columns:
        raise NO_FEATURES("of any party", step=context.step)
    if context.engine == "mpc" and shape.bound is None:
        raise NO_BOUND("nothing before this step bounds the columns of the training rows", step=context.step)
    roles = secure.Roles(
        shape.label_holder,
        None if params.weights is None else place_of(params.weights)[0],
        None if params.offset is None else place_of(params.offset)[0],
        params.class_weight is not None,
    )
    if params.family == "linear" and roles.offset not in (None, roles.label):
        raise OFFSET_ELSEWHERE(f"'{params.offset}'", step=context.step)
    owners = (EACH,) if context.horizontal else context.parties
    widths = {owner: len(columns.get(owner, ())) for owner in owners}
    return _Task(shape, columns, design(shape.rows, widths, params), roles)


def _results(context: PlanContext, params: GlmParams) -> dict[str, tuple[str, ...]]:
    kinds: list[ResultKind] = ["model", "coefficients"]
    wanted: dict[ResultKind, bool] = {"statistics": params.statistics, "loss": params.loss_every > 0}
    for kind, asked in wanted.items():
        if asked and not context.receiving(kind):
            raise NO_RECEIVER(f"'{kind}'", step=context.step)
        kinds += [kind] if asked else []
    looks = context.engine == "mpc" and params.tolerance is not None
    if looks and context.receiving("loss")[0] not in context.parties:
        raise NO_RECEIVER("'loss', which a party with data looks at to end early", step=context.step)
    return {kind: to for kind in kinds if (to := context.receiving(kind))}


def _parts(context: PlanContext, task: _Task) -> list[secure.Part]:
    """The programs of a training: one, or one for each look at the loss that may end it, and a last one."""
    params, steps = task.numbers.params, task.numbers.steps
    to = {kind: _results(context, params).get(kind, ()) for kind in ("coefficients", "loss", "statistics")}
    last = secure.Part((0, steps), True, True, to["coefficients"], to["loss"], to["statistics"])
    if params.tolerance is None:
        return [last]
    segments = task.numbers.segments
    parts = [secure.Part(one, one[0] == 0, False, loss_to=to["loss"]) for one in segments]
    return [*parts, replace(last, steps=(steps, steps), first=False, loss_to=())]


def _reveals(context: PlanContext, task: _Task) -> tuple[Reveal, ...]:
    params, size, segments = task.numbers.params, task.numbers.size, task.numbers.segments
    to = _results(context, params)
    secret = context.engine == "mpc"
    reveals = [Reveal(RANGE, context.parties, 1)] if secret else [*model_reveals(to, size)]
    if secret and "coefficients" in to:
        what = "coefficient of each feature, and the intercept" if params.intercept else "coefficients"
        reveals.append(Reveal(what, to["coefficients"], size, "coefficients"))
        if params.family == "linear":
            reveals.append(Reveal(SCALE, to["coefficients"], 2, "coefficients"))
    if "loss" in to:
        reveals.append(Reveal(LOSS, to["loss"], len(segments), "loss"))
    if secret and params.tolerance is not None:
        receivers = {name for receiving in to.values() for name in receiving}
        concerned = {*context.parties, context.dealer, *receivers}
        told = tuple(name for name in context.everybody if name in concerned)
        reveals.append(Reveal(STOP, told, 1))
    if "statistics" in to:
        count = size + 6 + (params.family in ("gamma", "tweedie")) + 2 * (params.weights is not None)
        reveals.append(Reveal(STATISTICS if secret else TABLE, to["statistics"], count, "statistics"))
    return tuple(reveals)


def _own(context: RunContext, task: _Task) -> secure.Own:
    blocks = own_blocks(context, task.columns, task.numbers)
    return own_part(context, task.shape, blocks[0] if blocks else None, task.numbers, task.roles)


def _run_mpc(context: RunContext, task: _Task) -> None:
    own, outputs, losses = train(
        context, _parts(context.planning, task), task.formats, task.roles, lambda: _own(context, task)
    )
    if context.deals_ahead:
        return
    if own is not None:
        _keep_shares(context, task, own, outputs)
    bound, values = task.formats.coefficient_bound, None
    facts = ModelFacts(task.columns, secure.COEFFICIENT_FRAC, bound, task.numbers.params)
    if "coefficients" in outputs.revealed:
        values = _in_units(outputs, facts)
        context.tell("coefficients", ClearModel.of(facts, values).coefficients())
    if losses:
        context.tell("loss", {"loss": losses})
    if context.receiving("statistics"):
        told = table(sums_of(outputs.revealed, task.numbers, task.roles), task.numbers, task.columns, values)
        context.tell("statistics", told)


def _keep_shares(context: RunContext, task: _Task, own: secure.Own, outputs: Outputs) -> None:
    """A compute party's model: kept for later steps, and given out where the agreement says so."""
    kept, params = outputs.kept[secure.MODEL], task.numbers.params
    facts, scale = ModelFacts(task.columns, kept.frac, kept.range.bound, params), (0, 0.0)
    if own.label is not None and params.family == "linear":
        scale = (own.label.exponent, secure.location_of(own))
    model = SharedModel(facts, context.me, kept.words, scale)
    context.models[context.step] = model
    context.give("model", f"{context.step}.model", model.to_bytes)


def _in_units(outputs: Outputs, facts: ModelFacts) -> Floats:
    """Revealed coefficients in the label's own unit."""
    values = outputs.revealed["coefficients"]
    if "scale of the label" not in outputs.revealed:
        return values
    exponent, location = outputs.revealed["scale of the label"]
    if facts.params.intercept:
        values = np.append(values[:-1], values[-1] + location)
    return np.asarray(np.ldexp(values, int(exponent)))


def _run_clear(context: RunContext, task: _Task) -> None:
    roles, params = task.roles, task.numbers.params
    owners = (*task.columns, roles.label, roles.offset, roles.weights)
    need_all_here(context, [owner for owner in owners if owner is not None])
    context.progress(0, 1, "training")
    blocks = own_blocks(context, task.columns, task.numbers)
    own = own_part(context, task.shape, None, task.numbers, roles)
    assert own.label is not None
    rows = task.shape.rows
    weights = np.ones(rows) if own.weights is None else own.weights
    offset = np.zeros(rows) if own.offset is None else own.offset.values
    shifts = clear.constants(own.label, offset, task.numbers)
    problem = clear.Problem(blocks, own.label, weights, shifts, task.numbers)
    fitted, centre = clear.fit(problem), 0.0 if own.offset is None else own.offset.centre
    coefficients, intercept = clear.given_units(problem, fitted, centre)
    model = ClearModel(ModelFacts(task.columns, 0, 0.0, params), coefficients, intercept)
    context.models[context.step] = model
    context.give("model", f"{context.step}.model", model.to_bytes)
    context.tell("coefficients", model.coefficients())
    context.tell("loss", {"loss": fitted.losses})
    if own.facts is not None and context.receiving("statistics"):
        mean = 1.0 if own.given_weights is None else own.given_weights.mean
        values = np.append(coefficients, intercept) if params.intercept else coefficients
        _give_statistics(context, task, clear.sums(problem, fitted, own.facts, mean), values)


def _run_fl(context: RunContext, task: _Task) -> None:
    frame = context.frames["train" if "train" in context.frames else "all"]
    found = task.pooled.run(context, frame, frame.target())
    params = task.numbers.params
    facts = ModelFacts(task.columns, 0, 0.0, params)
    model = ClearModel(facts, found.coefficients, found.intercept, found.end)
    context.models[context.step] = model
    context.give("model", f"{context.step}.model", model.to_bytes)
    context.tell("coefficients", model.coefficients())
    context.tell("loss", {"loss": list(found.losses)})
    if found.sums is not None:
        estimates = found.coefficients
        values = np.append(estimates, found.intercept) if params.intercept else estimates
        context.tell("statistics", table(found.sums, found.end.design, task.columns, values))


def _give_statistics(context: RunContext, task: _Task, sums: Sums, values: Floats) -> None:
    """To those who may know the coefficients with estimates, z and p; to the others without."""
    results = context.plan.results
    knowing = {*results.get("coefficients", ()), *results.get("model", ())}
    if context.engine == "clear":
        knowing.update(context.mine)
    for to, estimates in ((knowing, values), (set(context.receiving("statistics")) - knowing, None)):
        context.tell("statistics", table(sums, task.numbers, task.columns, estimates), to)
