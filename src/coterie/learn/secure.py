"""Programs of the mpc engine as parts of steps: traced while planning, dealt or run in their turn.

A step with a program plans with the numbers of :func:`needs_of`, and does it at all participants with
``if dealt(...): return`` and :func:`computed`.
"""

from __future__ import annotations

from typing import Any

from coterie.errors import CoterieError
from coterie.learn.component import PlanContext, PlannedTape, RunContext
from coterie.mpc import Inputs, Outputs, Program, Tape, TapeFile, TapeFiles, deal, deal_ahead, run, trace

__all__ = ["computed", "dealt", "needs_of", "traced"]


def traced(program: Program, context: PlanContext) -> Tape:
    """The tape of a program among all compute parties. Errors: those of :func:`coterie.mpc.trace`."""
    try:
        return trace(
            program,
            context.parties,
            context.dealer or "",
            correlations=context.correlations,
            network=context.network,
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


def dealt(tape: Tape, context: RunContext) -> bool:
    """Deal, where this participant is the dealer: to the parties, or into the files of a dealing.

    Errors: those of :func:`coterie.mpc.deal` and :func:`coterie.mpc.deal_ahead`.
    """
    if not context.is_dealer:
        return False
    if isinstance(context.tapes, TapeFiles):
        deal_ahead(tape, context.tapes, progress=context.progress)
    else:
        deal(tape, context.mesh, progress=context.progress)
    return True


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
