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
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.mpc import Kept, Outputs, RowBlocks, Tape

__all__ = ["needs_of_parts", "sums_of", "train"]

WORD = "go on"
"""Tag of what the first receiver of the loss says to all others."""


def needs_of_parts(
    context: PlanContext, parts: Sequence[secure.Part], formats: secure.Formats, roles: secure.Roles
) -> dict[str, Any]:
    """What a step plan says of them: exactly, where there is one; else at most, as a look may end them
    early."""
    tapes = [_tape(context, part, formats, roles) for part in parts]
    if len(tapes) == 1:
        return needs_of(tapes[0])
    needs = [needs_of(tape) for tape in tapes]
    sent: dict[str, dict[str, int]] = {}
    for one in needs:
        _add_up(sent, one["sent"])
    longest = sum(max(one["rounds"].values()) + 1 for one in needs)
    decider, hearers = _decider(parts), _hearers(context, parts)
    rounds = dict.fromkeys((party for one in needs for party in one["rounds"]), longest)
    words = {party: len(parts) - 2 for party in hearers if party != decider}
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


def _tape(context: PlanContext, part: secure.Part, formats: secure.Formats, roles: secure.Roles) -> Tape:
    return traced(secure.training(formats, roles, part), context, _receivers(part))


def _receivers(part: secure.Part) -> frozenset[str]:
    return frozenset((*part.coefficients_to, *part.loss_to, *part.statistics_to))


def _hearers(context: PlanContext, parts: Sequence[secure.Part]) -> tuple[str, ...]:
    """Who must know whether training goes on: the dealer too, unless it has dealt before, and guests who
    receive something, if only at the end."""
    receivers = frozenset[str]().union(*map(_receivers, parts))
    dealer = context.dealer if context.correlations == "stream" else None
    concerned = {*context.parties, dealer, *receivers}
    return tuple(name for name in context.everybody if name in concerned)


def _decider(parts: Sequence[secure.Part]) -> str:
    """The first receiver of the loss: a compute party, as these are named first."""
    return parts[0].loss_to[0]


def train(
    context: RunContext,
    parts: Sequence[secure.Part],
    formats: secure.Formats,
    roles: secure.Roles,
    own: Callable[[], secure.Own],
) -> tuple[secure.Own | None, Outputs, list[float]]:
    """Run all of them at this participant, or as many as it takes.

    :param own: prepares this party's part; not called at who does not compute.
    :returns: what this party brought, if it computes; what the last program left; the losses that it may see.
    """
    mine, losses = own() if context.computes else None, list[float]()
    state: Kept | None = None
    outputs = Outputs()
    number = 0
    while number < len(parts):
        program = secure.training(formats, roles, parts[number])
        tape = _tape(context.planning, parts[number], formats, roles)
        outputs = _run(context, program, tape, mine, formats, state)
        state = outputs.kept.get(secure.STATE)
        losses += _losses(outputs, formats.design)
        last_look = number >= len(parts) - 2
        stop = not last_look and _stops(context, parts, losses, number, formats.design)
        number = len(parts) - 1 if stop else number + 1
    return mine, outputs, losses


def _run(
    context: RunContext,
    program: Any,
    tape: Tape,
    mine: secure.Own | None,
    formats: secure.Formats,
    state: Kept | None,
) -> Outputs:
    outputs = served(program, tape, context)
    if outputs is not None:
        return outputs
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
    decider, hearers = _decider(parts), _hearers(context.planning, parts)
    if context.me == decider:
        stop = stops(losses, numbers.params.tolerance)
        for party in hearers:
            if party != decider:
                context.mesh.to(party).send_bytes(f"{WORD}/{number}", b"\x00" if stop else b"\x01")
        return stop
    if context.me not in hearers or context.deals_ahead:
        return False
    return context.mesh.to(decider).recv_bytes(f"{WORD}/{number}", 1) == b"\x00"


def sums_of(revealed: Mapping[str, Floats], numbers: Design, roles: secure.Roles) -> Sums:
    """What statistics are made of, from what a program has revealed."""
    family, share = numbers.params.family, numbers.share
    exponent, null, constant = revealed["label"]
    knows = all(holder in (None, roles.label) for holder in (roles.weights, roles.offset))
    closed = family == "logistic" or (family != "tweedie" and roles.weights is None)
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
