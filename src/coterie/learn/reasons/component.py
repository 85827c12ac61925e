"""``reasons``: why a row has no more points."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from coterie.learn.component import EACH, Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.joined import give_rows
from coterie.learn.linear import CLEAR
from coterie.learn.reasons.clear import NONE, Largest, joined, limit_of
from coterie.learn.reasons.errors import CARD_MISSING, NO_RECEIVER
from coterie.learn.reasons.mpc import Lists, merging
from coterie.learn.reasons.own import largest_of
from coterie.learn.reasons.params import ReasonsParams
from coterie.learn.reasons.record import Reason
from coterie.learn.reasons.record import Reasons as Summary
from coterie.learn.reasons.statement import POINTS, REASONS, STATEMENT
from coterie.learn.scorecard import ScorecardFacts, Units, card_here, shape_of
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.mpc import Tape

__all__ = ["Reasons"]


class Reasons(Component[ReasonsParams]):
    """The features that cost each row of a frame the most points, told to whom the agreement allows.

    In engine "mpc" what each feature costs stays at its owner; who is told learns the names of the largest
    alone, by its own ids. In engine fl each party looks at its own rows, by the card that all have.

    Errors: CT-3001 without the frame, CT-3002, CT-3027, CT-3054, CT-3160, CT-3161.
    """

    name: ClassVar[str] = "reasons"
    summary: ClassVar[str] = "Name the features that cost each row the most points of a scorecard."
    Parameters: ClassVar = ReasonsParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    needs_label: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: ReasonsParams) -> StepPlan:
        step = _card_step(context, params)
        facts = context.models[step]
        shape, to = shape_of(facts, context, params.frame), context.receiving("reasons")
        if not to:
            raise NO_RECEIVER("kind 'reasons'", step=context.step)
        count = shape.rows * min(params.most, len(facts.places))
        reveals = [Reveal(REASONS, to, count, "reasons")]
        if params.points == "all":
            reveals.append(Reveal(POINTS, to, count, "reasons"))
        plan = StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=tuple(reveals),
            results={"reasons": to},
            memory=16 * shape.rows * (shape.width + 2 * params.most),
            statement=CLEAR,
        )
        if context.engine != "mpc":
            return plan
        needs = needs_of(_tape(context, facts, params))
        return replace(plan, **needs | {"memory": needs["memory"] + plan.memory}, statement=STATEMENT)

    def run(self, context: RunContext, params: ReasonsParams) -> None:
        planning = context.planning
        step = _card_step(planning, params)
        facts = planning.models[step]
        if context.engine == "mpc":
            found = _merged(context, step, facts, params)
        elif context.computes:
            card = card_here(context, step)
            lists = [largest_of(context, facts, card, params, owner) for owner in facts.columns]
            found = joined(lists, params.most)
        else:
            return
        if found is not None:
            _give(context, step, facts, params, found)


def _card_step(context: PlanContext, params: ReasonsParams) -> str:
    """Name of the step that made the card."""
    cards = [step for step, facts in context.models.items() if isinstance(facts, ScorecardFacts)]
    if params.scorecard is None and cards:
        return cards[-1]
    if params.scorecard not in cards:
        raise CARD_MISSING(f"'{params.scorecard}'" if params.scorecard else "", step=context.step)
    return params.scorecard


def _lists(context: PlanContext, facts: ScorecardFacts, params: ReasonsParams) -> Lists:
    return Lists(
        rows=context.frames[params.frame].rows,
        lengths={owner: min(params.most, len(names)) for owner, names in facts.columns.items()},
        features=len(facts.places),
        limit=limit_of(facts.scale),
        most=params.most,
        units=params.points == "all",
    )


def _tape(context: PlanContext, facts: ScorecardFacts, params: ReasonsParams) -> Tape:
    to = context.receiving("reasons")
    return traced(merging(_lists(context, facts, params), to), context, to)


def _merged(context: RunContext, step: str, facts: ScorecardFacts, params: ReasonsParams) -> Largest | None:
    """At receivers, what they learn; None elsewhere. Deductions that are not told are 0."""
    planning = context.planning
    tape = _tape(planning, facts, params)
    program = merging(_lists(planning, facts, params), planning.receiving("reasons"))
    if served(program, tape, context) is not None:
        return None
    given, own = {}, None
    if context.me in facts.columns:
        own = largest_of(context, facts, card_here(context, step), params, context.me)
        given = {
            f"{kind} of {context.me}": getattr(own, kind).T.astype(float) for kind in ("numbers", "units")
        }
    revealed = computed(program, tape, context, given).revealed
    if "numbers" not in revealed:
        return None
    numbers = revealed["numbers"].T.astype(np.int64)
    if "units" in revealed:
        return Largest(numbers, revealed["units"].T.astype(np.int64))
    return Largest(numbers, _known(numbers, own))


def _known(numbers: Units, own: Largest | None) -> Units:
    """(rows, places) the receiver's own deductions among those of these features."""
    units = np.zeros_like(numbers)
    if own is not None:
        for place in range(own.numbers.shape[1]):
            same = numbers == own.numbers[:, place, None]
            units += np.where(same, own.units[:, place, None], 0)
    return units


def _give(
    context: RunContext, step: str, facts: ScorecardFacts, params: ReasonsParams, found: Largest
) -> None:
    """The list to each receiver, with what it may know of the points; and the summary."""
    frame = context.frames[params.frame]
    names = pa.array([f"{owner}.{column}" for owner, column in facts.places])
    there = found.numbers != NONE
    listed = {
        f"reason_{place}": names.take(pa.array(number - 1, mask=number == NONE))
        for place, number in enumerate(found.numbers.T, 1)
    }
    points = facts.scale.points(found.units)
    owners = np.array(["", *(owner for owner, _ in facts.places)])[found.numbers]
    for party in context.receiving("reasons"):
        columns: dict[str, Any] = dict(listed)
        whose = EACH if context.horizontal else party
        if params.points != "none":
            shown = there if params.points == "all" else there & (owners == whose)
            for place in range(found.numbers.shape[1]):
                columns[f"points_{place + 1}"] = pa.array(points[:, place], mask=~shown[:, place])
        give_rows(context, "reasons", f"{context.step}.parquet", frame, columns, to=(whose,))
    context.tell("reasons", lambda: _summary(step, facts, params, found).model_dump(mode="json"))


def _summary(step: str, facts: ScorecardFacts, params: ReasonsParams, found: Largest) -> Summary:
    counts = np.stack([np.bincount(column, minlength=len(facts.places) + 1) for column in found.numbers.T], 1)
    return Summary(
        scorecard=step,
        frame=params.frame,
        against=params.against,
        rows=len(found.numbers),
        without=int(counts[NONE, 0]),
        features=tuple(
            Reason(party=owner, column=column, rows=tuple(counts[number].tolist()))
            for number, (owner, column) in enumerate(facts.places, 1)
        ),
    )
