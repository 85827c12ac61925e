"""Scores of the rows of a frame by a trained model: the piece of a step that `evaluate` builds on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coterie.learn.component import FrameShape, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING, MODEL_MISSING
from coterie.learn.linear.columns import feature_columns, own_columns, place_of, places_of
from coterie.learn.linear.errors import MODEL_MISMATCH, NO_BOUND
from coterie.learn.linear.model import ClearModel, ModelFacts, SharedModel
from coterie.learn.linear.params import Floats
from coterie.learn.linear.statement import CLEAR, SCORES
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.mpc import Context, Interval, Kept, Program, RowBlocks, Tape

__all__ = ["score_plan", "score_run"]

FEATURE_FRAC = 16
SCORE_FRAC = 16
"""Fractional bits of revealed predictors. More would tell more of the coefficients than of the row."""
OFFSET_BOUND = 2.0**20


def score_plan(context: PlanContext, model_step: str, frame: str, to: Sequence[str]) -> StepPlan:
    """What :func:`score_run` will do. Part of the caller's step: merge it with :func:`dataclasses.replace`.

    :param model_step: name of the step whose model in ``context.models`` scores.
    :param frame: name of the frame in ``context.frames`` whose rows are scored ("train", "test", "all").
    :param to: who learns the scores; in engine mpc compute parties, and the label holder where the label has
        a unit.
    :returns: a plan with ``sent``, ``rounds``, ``operations``, ``memory``, ``digest``, ``statement``, and one
        reveal of kind "scores" with one value for each row, where somebody learns them. ``step`` is the
        calling step; other engines than "mpc" send nothing.

    Errors: CT-3001, CT-3002 (no such frame or model), CT-3050 (features without bound), CT-3054.
    """
    facts, shape = _facts(context, model_step, frame)
    reveals = (Reveal("the score of each row", tuple(to), shape.rows, "scores"),) if to else ()
    plan = StepPlan(step=context.step, component=facts.params.kind, params={}, reveals=reveals)
    if context.engine != "mpc":
        return replace(plan, memory=8 * shape.rows * shape.width, statement=CLEAR)
    tape = _tape(context, facts, shape, to)
    return replace(plan, **needs_of(tape), statement=SCORES)


def score_run(context: RunContext, model_step: str, frame: str, to: Sequence[str]) -> Floats | None:
    """Score the rows, as :func:`score_plan` announced; every participant calls it in turn.

    :returns: what the model expects of the label in each row (the probability of 1, where it is 0 or 1),
        float64 of shape (rows,); in engine mpc at the parties of ``to``, and None elsewhere.

    Errors: those of :func:`coterie.mpc.run`, CT-3002.
    """
    facts, shape = _facts(context.planning, model_step, frame)
    model = context.models.get(model_step)
    if context.engine != "mpc":
        if not isinstance(model, ClearModel):
            raise MODEL_MISSING(f"'{model_step}'", step=context.step, party=context.me)
        return facts.params.response(_own_predictor(context, model, frame))
    program, tape = _program(facts, shape, to), _tape(context.planning, facts, shape, to)
    if served(program, tape, context) is not None:
        return None
    if not isinstance(model, SharedModel):
        raise MODEL_MISSING(f"'{model_step}'", step=context.step, party=context.me)
    outputs = computed(program, tape, context, _inputs(context, model, frame))
    predictor = outputs.revealed.get("predictor")
    return None if predictor is None else facts.params.response(model.in_units(predictor))


def _own_predictor(context: RunContext, model: ClearModel, frame: str) -> Floats:
    """(rows,) where all columns are."""
    rows = context.frames[frame]
    predictor = model.logits(rows.values(places_of(model.facts.columns)))
    if model.facts.params.offset is not None:
        predictor = predictor + rows.values([place_of(model.facts.params.offset)])[:, 0]
    return predictor


def _inputs(context: RunContext, model: SharedModel, frame: str) -> dict[str, RowBlocks | Kept]:
    facts = model.facts
    own: dict[str, RowBlocks | Kept] = {
        "model": Kept(model.shares, facts.frac, Interval(-facts.bound, facts.bound)),
    }
    if context.me in facts.columns:
        own[f"features of {context.me}"] = own_columns(
            context.frames[frame], [(context.me, name) for name in facts.columns[context.me]]
        )
    if facts.params.offset is not None:
        owner, column = place_of(facts.params.offset)
        if owner == context.me:
            given, unit = own_columns(context.frames[frame], [(owner, column)]), 2.0 ** -model.scale[0]
            own["offset"] = RowBlocks(given.shape, lambda start, stop: given.rows(start, stop) * unit)
    return own


def _facts(context: PlanContext, model_step: str, frame: str) -> tuple[ModelFacts, FrameShape]:
    facts, shape = context.models.get(model_step), context.frames.get(frame)
    if not isinstance(facts, ModelFacts):
        raise MODEL_MISSING(f"'{model_step}'", step=context.step)
    if shape is None:
        raise FRAME_MISSING(f"'{frame}'", step=context.step)
    if feature_columns(shape, facts.params) != {p: c for p, c in facts.columns.items() if c}:
        raise MODEL_MISMATCH(f"'{frame}'", step=context.step)
    if context.engine == "mpc" and shape.bound is None:
        raise NO_BOUND(f"nothing before this step bounds the columns of frame '{frame}'", step=context.step)
    return facts, shape


def _tape(context: PlanContext, facts: ModelFacts, shape: FrameShape, to: Sequence[str]) -> Tape:
    return traced(_program(facts, shape, to), context, to)


def _program(facts: ModelFacts, shape: FrameShape, to: Sequence[str]) -> Program:
    """Predictors of all rows, rounded, to the parties of ``to``."""
    bound = shape.bound
    assert bound is not None

    def program(ctx: Context) -> None:
        model = ctx.shared("model", (facts.size,), facts.bound, facts.frac)
        owners = {owner: names for owner, names in facts.columns.items() if names}
        features = {
            owner: ctx.private(f"features of {owner}", owner, (shape.rows, len(names)), bound, FEATURE_FRAC)
            for owner, names in owners.items()
        }
        ctx.mask(*features.values())
        ctx.open(model)
        pairs, first = [], 0
        for owner, names in owners.items():
            pairs.append((features[owner], model[first : first + len(names)]))
            first += len(names)
        predictor = ctx.dot(pairs)
        if facts.params.intercept:
            predictor = predictor + model[first:]
        if facts.params.offset is not None:
            owner, _ = place_of(facts.params.offset)
            given = ctx.private("offset", owner, (shape.rows, 1), OFFSET_BOUND, FEATURE_FRAC)
            predictor = (predictor.reshape(shape.rows, 1) + given).reshape(shape.rows)
        (rounded,) = ctx.truncate(predictor, frac=SCORE_FRAC)
        ctx.reveal(rounded, to, "predictor")

    return program
