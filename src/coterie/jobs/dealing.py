"""Deal a stage of a job ahead: what a dealer is asked for, how it derives the same itself, what it writes.

A request holds public facts only, and no tape: the dealer derives the stage's plan from the proposal and its
own copy of the agreement, like every participant, and deals just that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from coterie.agreement import Terms
from coterie.crypto import Known, PartyName, Signer
from coterie.learn import RunContext
from coterie.mpc import Binding, Part, TapeFiles
from coterie.wire import local_meshes

from .approval import Approval
from .differences import check_within
from .errors import NOT_DEALT_AHEAD, PLAN_DIFFERS
from .plan import Plan, Planner, StagePlan, derive_plan
from .proposal import Proposal
from .registry import component, parameters

__all__ = [
    "Derived",
    "StageRequest",
    "binding_of",
    "deal_into",
    "deal_stage",
    "derive_stage",
    "parts_by_party",
    "parts_of",
]


K = TypeVar("K", bound=Known)


class StageRequest(BaseModel):
    """Asks the dealer for one stage, exactly as it will be run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    proposal: Proposal
    approvals: Annotated[tuple[Approval, ...], Field(max_length=16)]
    """Every participant's signed yes to the job's plan."""
    stage: Annotated[int, Field(ge=0, lt=100)]
    plan: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    """Of the stage."""
    facts: Annotated[tuple[dict[str, int], ...], Field(max_length=100)]
    """The sizes that each stage before has told."""
    nonces: Annotated[
        dict[PartyName, Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]],
        Field(max_length=16, exclude_if=lambda nonces: not nonces),
    ] = {}
    """For an attested dealer: by party, what its evidence must be made over. Each party's request has its own
    alone."""


@dataclass(frozen=True)
class Derived:
    """What the dealer makes of a request by itself."""

    approved: Plan
    stage: StagePlan
    planner: Planner


def derive_stage(request: StageRequest, terms: Terms) -> Derived:
    """Plan the stage from the proposal and the agreement's own terms.

    :raises CoterieError: CT-4010 (the request names another plan), CT-4011 (more than was approved), CT-4023
        (nothing of it is dealt ahead), and those of planning.
    """
    approved = derive_plan(request.proposal, terms)
    if request.stage >= len(approved.stages) or len(request.facts) != request.stage:
        raise PLAN_DIFFERS(f"stage {request.stage} with the sizes of {len(request.facts)} stages before")
    planner = Planner(request.proposal, terms)
    for facts in request.facts:
        planner.stage(exact=True)
        planner.apply(facts)
    stage = planner.stage(exact=True)
    check_within(stage, approved.stages[request.stage])
    if stage.digest != request.plan:
        raise PLAN_DIFFERS(f"stage {request.stage} is {stage.digest} here, {request.plan} in the request")
    if not any(step.tapes for step in stage.steps):
        raise NOT_DEALT_AHEAD(f"stage {request.stage}")
    return Derived(approved, stage, planner)


def binding_of(job: str, stage: StagePlan) -> Binding:
    """What the tape files of a stage are bound to."""
    return Binding(job=job, stage=stage.index, plan=stage.digest)


def parts_of(stage: StagePlan, party: str) -> list[Part]:
    """What a party's tape file of a stage must hold; nothing where it needs none."""
    return [
        Part(step=step.step, tape=tape.digest, corrections=tape.corrections[party])
        for step in stage.steps
        for tape in step.tapes
        if party in tape.corrections
    ]


def parts_by_party(derived: Derived, parties: Mapping[str, K]) -> dict[K, list[Part]]:
    """What the tape files of a stage must hold, by compute party."""
    return {parties[name]: parts_of(derived.stage, name) for name in derived.approved.parties}


def deal_stage(
    derived: Derived,
    signer: Signer,
    parties: Mapping[str, Known],
    folder: Path,
    progress: Callable[[str, int, int, str], None],
) -> tuple[str, tuple[Path, ...]]:
    """Write the tape files of a stage, one for each compute party.

    :param signer: the dealer.
    :param parties: the compute parties by name, as they are pinned.
    :param progress: called with step, done, total and what; may raise to end it, and then nothing is left.
    :returns: the serial of this dealing, and the files.

    :raises CoterieError: CT-1102, CT-1120, CT-1121, and the engine's own.
    """
    parts = parts_by_party(derived, parties)
    with TapeFiles(folder, signer, binding_of(derived.approved.job, derived.stage), parts) as files:
        deal_into(files, derived, signer.public.name, progress)
        return files.serial, files.finish()


def deal_into(
    files: TapeFiles, derived: Derived, dealer: str, progress: Callable[[str, int, int, str], None]
) -> None:
    """Deal a stage into files that were begun for it."""
    for step in derived.stage.steps:
        if step.tapes:
            _deal_step(derived, step.step, dealer, files, progress)


def _deal_step(
    derived: Derived,
    name: str,
    me: str,
    files: TapeFiles,
    progress: Callable[[str, int, int, str], None],
) -> None:
    """The dealer's side of a step, with nobody there."""
    # A copy: a run notes in it what is scored, and a stage can be dealt again.
    planning = replace(derived.planner.planned[name])
    plan = derived.stage.step(name)
    context = RunContext(
        engine=planning.engine,
        step=name,
        me=me,
        parties=planning.parties,
        dealer=planning.dealer,
        receivers=planning.receivers,
        mesh=local_meshes([me])[me],
        plan=plan,
        planning=planning,
        id_key=bytes(32),
        datasets={},
        frames={},
        models={},
        progress=lambda done, total, what, **_: progress(name, done, total, what),
        publish=_publish_nothing,
        tapes=files,
    )
    step = next(one for one in derived.planner.steps if one.name == name)
    component(step.component).run(context, parameters(step))


def _publish_nothing(kind: str, name: str, content: bytes, to: tuple[str, ...]) -> None:
    """A dealer has no results."""
    raise AssertionError(f"a dealer would publish {kind} {name!r} of {len(content)} bytes for {to}")
