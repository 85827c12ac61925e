"""A party's signed yes to one plan."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from coterie.crypto import Identity, PublicIdentity, canonical, now, timestamp
from coterie.errors import CoterieError

from .errors import APPROVAL_INVALID
from .plan import Plan

__all__ = ["Approval", "approve", "verify_approval"]

DOMAIN = "coterie/approval/v1"


class Approval(BaseModel):
    """``signature``: hex, Ed25519 over the other fields in canonical form."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    job: Annotated[str, Field(max_length=64)]
    plan: Annotated[str, Field(max_length=100)]
    """Digest of the plan."""
    party: Annotated[str, Field(max_length=64)]
    time: Annotated[str, Field(max_length=40)]
    persons: Annotated[int, Field(ge=1, le=16, exclude_if=lambda persons: persons == 1)] = 1
    """How many of the party's people have said yes: the party's word, for which its own ledger names them."""
    signature: Annotated[str, Field(max_length=128)]

    def signed_bytes(self) -> bytes:
        return canonical(self.model_dump(exclude={"signature"}))


def approve(identity: Identity, plan: Plan, persons: int = 1) -> Approval:
    """Sign ``plan`` as the party of ``identity``, of which so many people have said yes."""
    unsigned = Approval(
        job=plan.job,
        plan=plan.digest,
        party=identity.name,
        time=timestamp(now()),
        persons=persons,
        signature="",
    )
    signature = identity.sign(DOMAIN, unsigned.signed_bytes())
    return unsigned.model_copy(update={"signature": signature.hex()})


def verify_approval(approval: Approval, party: PublicIdentity, plan: Plan, persons: int) -> None:
    """Check that ``party`` approved just this plan, with so many people or more.

    :raises CoterieError: CT-4014.
    """

    def refuse(why: str) -> CoterieError:
        return APPROVAL_INVALID(why, party=party.name)

    if approval.party != party.name:
        raise refuse(f"it is {approval.party!r}'s, not {party.name!r}'s")
    if (approval.job, approval.plan) != (plan.job, plan.digest):
        raise refuse("it is for another plan")
    if approval.persons < persons:
        raise refuse(f"the agreement asks for {persons} people, and it is of {approval.persons}")
    try:
        signature = bytes.fromhex(approval.signature)
        party.verify(DOMAIN, approval.signed_bytes(), signature)
    except (ValueError, CoterieError) as error:
        raise refuse("its signature is wrong") from error
