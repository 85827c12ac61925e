"""Documents that each owner of columns sends to the receivers of a kind of result, in engine mpc."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias, TypeVar

from pydantic import BaseModel

from coterie.learn.component import PlanContext, ResultKind, RunContext, StepPlan
from coterie.learn.documents import pack, unpack

__all__ = ["Sizes", "exchanged", "sizes_to", "with_documents"]

D = TypeVar("D", bound=BaseModel)

Sizes: TypeAlias = Mapping[tuple[str, str], int]
"""Bytes of a document, by who sends it and who gets it."""
TAG = "documents"


def sizes_to(context: PlanContext, kind: ResultKind, sizes: Mapping[str, int]) -> Sizes:
    """To all receivers of that kind but the owner itself; none but in engine mpc.

    :param sizes: bytes by owner.
    """
    if context.engine != "mpc":
        return {}
    receivers = context.receiving(kind)
    return {
        (owner, receiver): size
        for owner, size in sizes.items()
        for receiver in receivers
        if receiver != owner
    }


def with_documents(plan: StepPlan, sizes: Sizes) -> StepPlan:
    """The plan of a step that sends them at its end."""
    sent = {source: dict(to) for source, to in plan.sent.items()}
    rounds = dict(plan.rounds)
    for (owner, receiver), size in sizes.items():
        to = sent.setdefault(owner, {})
        to[receiver] = to.get(receiver, 0) + size
        rounds[receiver] = max(rounds.get(receiver, 0), plan.rounds.get(owner, 0) + 1)
    return replace(plan, sent=sent, rounds=rounds)


def exchanged(context: RunContext, sizes: Sizes, own: Mapping[str, D], kind: type[D]) -> dict[str, D]:
    """Send what is here to its receivers: what is here then, by owner, in order. Every participant but a
    dealer that deals ahead calls it.

    Errors: CT-3031 for a document that cannot be read.
    """
    for (owner, receiver), size in sizes.items():
        if owner == context.me:
            context.mesh.to(receiver).send_bytes(TAG, pack(own[owner], size))
    found = dict(own)
    for (owner, receiver), size in sizes.items():
        if receiver == context.me:
            found[owner] = unpack(context.mesh.to(owner).recv_bytes(TAG, size), kind, owner)
    return dict(sorted(found.items()))
