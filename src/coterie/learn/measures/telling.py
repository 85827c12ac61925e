"""What the label holder measures, told to those who may know it.

The label holder has labels and scores, and sees every group of rows. Others are told groups that have at
least the agreed number of rows of either label: the *guarded* form of a record. In engine mpc it comes to
them as one message of planned length; in engine tee the label holder itself is told the guarded form, unless
scores are granted to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel

from coterie.learn.component import PlanContext, ResultKind, RunContext, StepPlan
from coterie.learn.documents import pack, unpack
from coterie.learn.measures.errors import TOO_FEW_TO_TELL

__all__ = ["elsewhere", "insiders", "sent_from", "share", "tellable"]

R = TypeVar("R", bound=BaseModel)


def elsewhere(context: PlanContext, kinds: Iterable[ResultKind]) -> tuple[str, ...]:
    """Who gets results of one of these kinds by a message from the label holder."""
    if context.horizontal:  # everybody has own rows and labels
        return ()
    told = {party for kind in kinds for party in context.receiving(kind)}
    return tuple(party for party in context.everybody if party != context.label_holder and party in told)


def insiders(context: PlanContext) -> frozenset[str]:
    """Who knows the label and the score of each row: the label holder, in engine tee where it gets scores."""
    if context.engine == "tee" and context.label_holder not in context.receiving("scores"):
        return frozenset()
    return frozenset(context.parties if context.horizontal else {context.label_holder})


def sent_from(plan: StepPlan, source: str, sizes: Mapping[str, int]) -> StepPlan:
    """The plan with one message more from ``source`` to each receiver of ``sizes``, after all else."""
    sent = {sender: dict(targets) for sender, targets in plan.sent.items()}
    rounds = dict(plan.rounds)
    for party, size in sizes.items():
        to = sent.setdefault(source, {})
        to[party] = to.get(party, 0) + size
        rounds[party] = max(rounds.get(party, 0), plan.rounds.get(source, 0) + 1)
    return replace(plan, sent=sent, rounds=rounds)


def share(
    context: RunContext,
    tag: str,
    kind: type[R],
    sizes: Mapping[str, int],
    measured: Callable[[bool], R] | None,
    give: Callable[[R, frozenset[str] | None], None],
    for_one: Callable[[R, str], R] = lambda record, party: record,  # noqa: ARG005
) -> None:
    """Measure at the label holder, send the guarded record to the others, and give it out at each.

    :param sizes: planned bytes by receiver elsewhere.
    :param measured: makes the record, guarded or not; None at participants that cannot measure.
    :param give: publishes a record to receivers who are served here, or to those named.
    :param for_one: the part of a record that a receiver may have.

    Errors: CT-3031, CT-3032; CT-3166 where there are too few rows to tell others of.
    """
    if measured is None:
        if context.me in sizes:
            holder = context.planning.label_holder
            received = context.mesh.to(holder).recv_bytes(tag, sizes[context.me])
            give(unpack(received, kind, holder), None)
        return
    inside = insiders(context.planning)
    named = {party for receivers in context.plan.results.values() for party in receivers}
    here = named if context.engine == "tee" else named & {context.me}
    if sizes or here - inside:
        guarded = measured(True)
        for party, size in sizes.items():
            context.mesh.to(party).send_bytes(tag, pack(for_one(guarded, party), size))
        if here - inside:
            give(guarded, frozenset(here - inside))
    if here & inside:
        give(measured(False), frozenset(here & inside))


def tellable(positives: int, negatives: int, least: int, step: str) -> None:
    """Raises CT-3166 where not even all rows together are a group that others may be told of."""
    if min(positives, negatives) < least:
        raise TOO_FEW_TO_TELL(f"the agreement says {least} of each", step=step)
