"""Routes of key keepers, at the provider, and of sealed data that comes as a file, at the host."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from coterie.node.views import DepositView, DocumentView, SealedView

from .access import services_of
from .tapes import Place

__all__ = ["routes"]

routes = APIRouter()


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChallengeBody(_Body):
    """Ask for a challenge."""

    agreement: str = Field(max_length=100)
    dataset: str = Field(max_length=100)


class DepositBody(ChallengeBody):
    """Make a deposit."""

    offer: str
    """The keeper's answer to the challenge, as it came."""
    runs: int = Field(ge=1, lt=2**53)
    days: int = Field(ge=1, le=3660)


class SealedBody(_Body):
    """Take a container in."""

    agreement: str = Field(max_length=100)
    container: Place
    """On the node's machine, as is ``record``."""
    record: Place


@routes.post("/keeper/challenges")
async def challenge(request: Request, body: ChallengeBody) -> DocumentView:
    return await services_of(request).keeping.challenge(body.agreement, body.dataset)


@routes.post("/keeper/deposits")
async def deposit(request: Request, body: DepositBody) -> DepositView:
    keeping = services_of(request).keeping
    return await keeping.deposit(body.agreement, body.dataset, body.offer, body.runs, body.days)


@routes.post("/keeper/deposits/{deposit}/withdraw")
async def withdraw(request: Request, deposit: str) -> DocumentView:
    return await services_of(request).keeping.withdraw(deposit)


@routes.post("/sealed")
async def add_sealed(request: Request, body: SealedBody) -> SealedView:
    return await services_of(request).holdings.add(body.agreement, body.container, body.record)
