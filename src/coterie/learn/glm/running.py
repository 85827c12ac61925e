"""The programs of a training one after another, with the looks at the loss that may end it between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from coterie.crypto import canonical, digest
from coterie.learn.component import PlanContext, RunContext
from coterie.learn.glm import mpc as secure
from coterie.learn.glm.clear import stops
from coterie.learn.glm.design import Design
from coterie.learn.glm.statistics import LabelFacts, Sums
from coterie.learn.linear import Floats
from coterie.learn.secure import computed, dealt, needs_of, traced
from coterie.mpc import Kept, Outputs, RowBlocks, Tape

__all__ = ["needs_of_parts", "sums_of", "train"]

WORD = "go on"
"""Tag of what the first receiver of the loss says to all others."""


def needs_of_parts(
    context: PlanContext, parts: Sequence[secure.Part], formats: secure.Formats, roles: secure.Roles
) -> dict[str, Any]:
    """What a step plan says of them: exactly, where there is one; else at most, as a look may end them
    early."""
    tapes = [traced(secure.training(formats, roles, part), context) for part in parts]
    if len(tapes) == 1:
        return needs_of(tapes[0])
    needs = [needs_of(tape) for tape in tapes]
    sent: dict[str, dict[str, int]] = {}
    for one in needs:
        _add_up(sent, one["sent"])
    rounds = dict.fromkeys(needs[0]["rounds"], 0)
    for one in needs:
        longest = max(one["rounds"].values()) + 1
        rounds = {party: count + longest for party, count in rounds.items()}
    decider, others = _decider(parts), [party for party in rounds if party in _hearers(context)]
    words = {party: len(parts) - 2 for party in others if party != decider}
    _add_up(sent, {decider: words})
    return {
        "sent": sent,
        "rounds": rounds,
        "memory": max(one["memory"] for one in needs),
        "disk": max(one["disk"] for one in needs),
        "operations": sum(one["operations"] for one in needs),
        "choices": tuple(dict.fromkeys(choice for one in needs for choice in one["choices"])),
        "disclosed": tuple(value for one in needs for value in one["disclosed"]),
        "digest": digest(canonical([one["digest"] for one in needs])),
        "tapes": tuple(planned for one in needs for planned in one["tapes"]),
        "at_most": True,
    }


def _add_up(sent: dict[str, dict[str, int]], more: Mapping[str, Mapping[str, int]]) -> None:
    for source, targets in more.items():
        row = sent.setdefault(source, {})
        for target, count in targets.items():
            row[target] = row.get(target, 0) + count


def _hearers(context: PlanContext) -> tuple[str, ...]:
    """Who must know whether training goes on: the dealer too, unless it has dealt before."""
    with_dealer = context.dealer is not None and context.correlations == "stream"
    return (*context.parties, *([context.dealer] if with_dealer and context.dealer else []))


def _decider(parts: Sequence[secure.Part]) -> str:
    """The first receiver of the loss."""
    return parts[0].loss_to[0]


def train(
    context: RunContext,
    parts: Sequence[secure.Part],
    formats: secure.Formats,
    roles: secure.Roles,
    own: Callable[[], secure.Own],
) -> tuple[secure.Own, Outputs, list[float]] | None:
    """Run all of them at this participant, or as many as it takes.

    :param own: prepares this party's part; not called at the dealer.
    :returns: what this party brought, what the last program left, the losses that it may see; None at the
        dealer.
    """
    mine, losses = None if context.is_dealer else own(), list[float]()
    state: Kept | None = None
    outputs = Outputs()
    number = 0
    while number < len(parts):
        program = secure.training(formats, roles, parts[number])
        tape = traced(program, context.planning)
        found = _run(context, program, tape, mine, formats, state)
        if found is not None:
            outputs, state = found, found.kept.get(secure.STATE)
            losses += _losses(found, formats.design)
        last_look = number >= len(parts) - 2
        stop = not last_look and _stops(context, parts, losses, number, formats.design)
        number = len(parts) - 1 if stop else number + 1
    return None if mine is None else (mine, outputs, losses)


def _run(
    context: RunContext,
    program: Any,
    tape: Tape,
    mine: secure.Own | None,
    formats: secure.Formats,
    state: Kept | None,
) -> Outputs | None:
    if dealt(tape, context):
        return None
    assert mine is not None
    given: dict[str, Floats | RowBlocks | Kept] = {**secure.inputs(context.me, mine, formats)}
    if state is not None:
        given[secure.STATE] = state
    return computed(program, tape, context, given)


def _losses(outputs: Outputs, numbers: Design) -> list[float]:
    """Means over the rows, in the order of the looks."""
    names = [f"loss {look + 1}" for look in range(len(numbers.segments))]
    return [float(outputs.revealed[name][0]) / numbers.share for name in names if name in outputs.revealed]


def _stops(
    context: RunContext, parts: Sequence[secure.Part], losses: list[float], number: int, numbers: Design
) -> bool:
    """Whether the first receiver of the loss has seen enough; it tells the others."""
    planning = context.planning
    decider, hearers = _decider(parts), _hearers(planning)
    if context.me == decider:
        stop = stops(losses, numbers.params.tolerance)
        for party in hearers:
            if party != decider:
                context.mesh.to(party).send_bytes(f"{WORD}/{number}", b"\x00" if stop else b"\x01")
        return stop
    if context.me not in hearers:
        return False
    return context.mesh.to(decider).recv_bytes(f"{WORD}/{number}", 1) == b"\x00"


def sums_of(revealed: Mapping[str, Floats], numbers: Design, roles: secure.Roles) -> Sums:
    """What statistics are made of, from what a program has revealed."""
    family, share = numbers.params.family, numbers.share
    exponent, null, constant = revealed["label"]
    knows = all(holder in (None, roles.label) for holder in (roles.weights, roles.offset))
    closed = family != "tweedie" and roles.weights is None
    deviance = float(revealed["deviance"][0]) / share
    pearson = 2 * deviance if family == "linear" else None
    if "pearson" in revealed:
        pearson = float(revealed["pearson"][0]) / share
    weight = 1.0
    if "weight" in revealed:
        weight = math.ldexp(float(revealed["weight"][0]), int(revealed["weight"][1]))
    return Sums(
        variances=np.asarray(revealed["variances"] * revealed["scale"][0]),
        residual=math.sqrt(max(0.0, float(revealed["residual"][0]))),
        deviance=deviance,
        pearson=pearson,
        label=LabelFacts(int(exponent), float(null) if knows else None, float(constant) if closed else None),
        weight=weight,
    )
