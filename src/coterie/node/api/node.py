"""Routes of the node itself: health, identity, tokens, peers, datasets, ledger, doctor."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from coterie.crypto import now, timestamp
from coterie.jobs import components
from coterie.node.core import VERSION
from coterie.node.observed_views import ReadyView
from coterie.node.views import (
    Check,
    ComponentView,
    DatasetView,
    EntryView,
    HeadView,
    HealthView,
    IdentityView,
    InvitationView,
    NewToken,
    PeerView,
    SealedView,
    TokenRole,
    TokenView,
    VersionView,
)

from .access import services_of

__all__ = ["routes"]

routes = APIRouter()

LONGEST_PAGE = 10_000
"""Ledger entries in one answer."""


class Body(BaseModel):
    """Base of request bodies."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NewTokenBody(Body):
    """Ask for a token."""

    name: str = Field(min_length=1, max_length=100)
    role: TokenRole = "analyst"


class RevokePeerBody(Body):
    """Declare a peer's key lost or stolen."""

    reason: str = Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")


class InviteBody(Body):
    """Ask for an invitation."""

    hours: float = Field(default=24.0, gt=0, le=24 * 30)


class AcceptBody(Body):
    """Accept an invitation."""

    invitation: str = Field(max_length=16_384, repr=False)


class DatasetBody(Body):
    """Register a table."""

    spec: str
    folder: Path | None = None


@routes.get("/health")
async def health(request: Request) -> HealthView:
    """Answers without a token, for monitors: it tells no more than that the node is up."""
    services = services_of(request)
    services.tokens.views()  # the store answers
    core = services.core
    return HealthView(status="ok", name=core.name, role=core.home.settings.role, time=timestamp(now()))


@routes.get("/ready")
async def ready(request: Request) -> ReadyView:
    return await services_of(request).readiness.examine()


@routes.get("/version")
async def version() -> VersionView:
    return VersionView(
        coterie=VERSION,
        api="1",
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
    )


@routes.get("/identity")
async def identity(request: Request) -> IdentityView:
    return services_of(request).introductions.own()


@routes.get("/components")
def list_components() -> list[ComponentView]:
    return [
        ComponentView(
            name=one.name,
            summary=one.summary,
            engines=tuple(sorted(one.engines)),
            parameters=one.Parameters.model_json_schema(),
        )
        for one in components().values()
    ]


@routes.get("/doctor")
async def doctor(request: Request) -> list[Check]:
    return await services_of(request).doctor.examine()


@routes.get("/tokens")
async def tokens(request: Request) -> list[TokenView]:
    return services_of(request).tokens.views()


@routes.post("/tokens")
async def create_token(request: Request, body: NewTokenBody) -> NewToken:
    return services_of(request).tokens.create(body.name, body.role)


@routes.delete("/tokens/{token}")
async def remove_token(request: Request, token: str) -> None:
    services_of(request).tokens.remove(token)


@routes.get("/invitations")
async def invitations(request: Request) -> list[InvitationView]:
    return services_of(request).introductions.invitations()


@routes.post("/invitations")
async def invite(request: Request, body: InviteBody) -> InvitationView:
    return services_of(request).introductions.invite(body.hours)


@routes.delete("/invitations/{invitation}")
async def remove_invitation(request: Request, invitation: str) -> None:
    services_of(request).introductions.withdraw(invitation)


@routes.get("/peers")
async def peers(request: Request) -> list[PeerView]:
    return services_of(request).introductions.peers()


@routes.post("/peers")
async def accept(request: Request, body: AcceptBody) -> PeerView:
    return await services_of(request).introductions.accept(body.invitation)


@routes.delete("/peers/{name}")
async def remove_peer(request: Request, name: str) -> None:
    services_of(request).introductions.remove(name)


@routes.post("/peers/{name}/revoke")
async def revoke_peer(request: Request, name: str, body: RevokePeerBody) -> None:
    await services_of(request).revoking.revoke(name, body.reason)


@routes.get("/datasets")
async def datasets(request: Request) -> list[DatasetView]:
    return services_of(request).datasets.views()


@routes.post("/datasets")
async def add_dataset(request: Request, body: DatasetBody) -> DatasetView:
    return await services_of(request).datasets.add(body.spec, body.folder)


@routes.get("/datasets/{name}")
async def dataset(request: Request, name: str) -> DatasetView:
    return services_of(request).datasets.show(name)


@routes.post("/datasets/{name}/refresh")
async def refresh_dataset(request: Request, name: str) -> DatasetView:
    return await services_of(request).datasets.refresh(name)


@routes.delete("/datasets/{name}")
async def remove_dataset(request: Request, name: str) -> None:
    services_of(request).datasets.remove(name)


@routes.get("/sealed")
async def sealed(request: Request) -> list[SealedView]:
    return await services_of(request).holdings.views()


@routes.delete("/sealed/{file}")
async def remove_sealed(
    request: Request, file: str, reason: Annotated[str, Query(max_length=300)] = ""
) -> None:
    await services_of(request).holdings.remove(file, reason or "by the operator")


@routes.get("/ledger")
def ledger(
    request: Request,
    kind: str | None = None,
    job: str | None = None,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = 1000,
) -> list[EntryView]:
    """Runs in a thread of its own: a long ledger is read from the disk."""
    found = []
    for entry in services_of(request).core.ledger.entries(job=job):
        if entry.seq > after and kind in (None, entry.kind):
            found.append(EntryView(**entry.model_dump(include={"seq", "time", "kind", "body", "hash"})))
            if len(found) == limit:
                break
    return found


@routes.get("/ledger/head")
def ledger_head(request: Request) -> HeadView:
    return HeadView(**services_of(request).core.ledger.head().model_dump())
