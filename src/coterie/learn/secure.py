"""Programs of the mpc engine as parts of steps: traced while planning, dealt or run in their turn.

A step with a program plans with the numbers of :func:`needs_of`. While it runs, :func:`served` does the part
of who does not compute, and :func:`computed` that of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from coterie.errors import CoterieError
from coterie.learn.component import PlanContext, PlannedTape, RunContext
from coterie.mpc import Inputs, Outputs, Program, Tape, TapeFile, TapeFiles, deal, deal_ahead, run, trace

__all__ = ["computed", "covering", "needs_of", "served", "traced", "with_room"]

ROOM = 4
"""A quarter."""
LEAST = 8192
"""Bytes: of few columns the sums are as large as all the rest."""


def traced(
    program: Program,
    context: PlanContext,
    to: Iterable[str] = (),
    after: Mapping[str, int] | None = None,
) -> Tape:
    """The tape of a program among all compute parties.

    :param to: everybody to whom the program reveals anything. Guests of the job who are not among them have
        no part in it.
    :param after: rounds that the step took before.

    Errors: those of :func:`coterie.mpc.trace`.
    """
    named = frozenset(to)
    try:
        return trace(
            program,
            context.parties,
            context.dealer or "",
            tuple(guest for guest in context.guests if guest in named),
            correlations=context.correlations,
            network=context.network,
            after=after,
        )
    except CoterieError as error:
        raise error.at(step=context.step) from None


def needs_of(tape: Tape) -> dict[str, Any]:
    """What a step plan says of its tape, as fields of :class:`StepPlan`."""
    ahead = tape.setting.correlations == "tape"
    return {
        "sent": tape.sent,
        "rounds": tape.rounds,
        "memory": tape.memory,
        "disk": tape.disk,
        "operations": max(tape.multiplications.values()),
        "choices": tape.choices,
        "disclosed": tape.disclosures,
        "digest": tape.digest,
        "tapes": (PlannedTape(tape.digest, dict(tape.corrections)),) if ahead else (),
    }


def with_room(needs: dict[str, Any]) -> dict[str, Any]:
    """The same with a quarter more of rounds and bytes, and some bytes for what does not grow with the rows:
    what bounds a step for fewer rows or columns, where its number formats follow them. With other formats
    sums are rounded at other places, some more or some fewer."""

    def more(counts: Mapping[str, int], least: int = 0) -> dict[str, int]:
        return {name: count + -(-count // ROOM) + least * (count > 0) for name, count in counts.items()}

    return needs | {
        "sent": {source: more(targets, LEAST) for source, targets in needs["sent"].items()},
        "rounds": more(needs["rounds"]),
        "tapes": tuple(replace(tape, corrections=more(tape.corrections, LEAST)) for tape in needs["tapes"]),
    }


def covering(needs: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """The same with rounds and bytes that are enough for those of ``others`` as well: of a step of as many
    programs, among the same participants."""

    def most(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
        return {name: max(counts.get(name, 0), more.get(name, 0)) for name in {**counts, **more}}

    sent, more = needs["sent"], others["sent"]
    pairs = zip(needs["tapes"], others["tapes"], strict=True)
    return needs | {
        "sent": {source: most(sent.get(source, {}), more.get(source, {})) for source in sent | more},
        "rounds": most(needs["rounds"], others["rounds"]),
        "tapes": tuple(
            replace(one, corrections=most(one.corrections, other.corrections)) for one, other in pairs
        ),
    }


def served(program: Program, tape: Tape, context: RunContext) -> Outputs | None:
    """The part of who does not compute: deal, to the parties or into the files of a dealing, and receive as a
    guest what is revealed to it.

    :returns: None at a compute party, which goes on with :func:`computed`.

    Errors: those of :func:`coterie.mpc.deal`, :func:`coterie.mpc.deal_ahead` and :func:`coterie.mpc.run`.
    """
    setting, me = tape.setting, context.me
    if context.computes:
        return None
    if isinstance(context.tapes, TapeFiles):
        deal_ahead(tape, context.tapes, progress=context.progress)
    elif me == setting.dealer and setting.correlations == "stream":
        return deal(tape, context.mesh, progress=context.progress)
    elif me in setting.guests:
        return run(program, tape, context.mesh, {}, progress=context.progress)
    return Outputs()


def computed(program: Program, tape: Tape, context: RunContext, inputs: Inputs) -> Outputs:
    """Run a program at a compute party. Errors: those of :func:`coterie.mpc.run`."""
    held = context.tapes
    return run(
        program,
        tape,
        context.mesh,
        inputs,
        correlations=held.dealing(context.step, tape) if isinstance(held, TapeFile) else None,
        progress=context.progress,
        memory=context.memory,
        folder=context.folder,
    )
