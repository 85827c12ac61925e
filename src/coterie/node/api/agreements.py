"""Routes of agreements. Signing is a call of its own, which only an administrator's token may make."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from coterie.node.module_views import AgreedModuleView
from coterie.node.views import AgreementView

from .access import caller_of, services_of

__all__ = ["routes"]

routes = APIRouter(prefix="/agreements")


class DraftBody(BaseModel):
    """The terms, YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str


class ReasonBody(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(default="", max_length=500)


@routes.get("")
async def agreements(request: Request) -> list[AgreementView]:
    return services_of(request).agreements.views()


@routes.post("")
async def draft(request: Request, body: DraftBody) -> AgreementView:
    return services_of(request).agreements.draft(body.text)


@routes.get("/{name}")
async def agreement(request: Request, name: str) -> AgreementView:
    return services_of(request).agreements.show(name)


@routes.get("/{name}/modules")
async def agreed_modules(request: Request, name: str) -> list[AgreedModuleView]:
    services = services_of(request)
    return services.modules.agreed(services.agreements.get(name).terms)


@routes.post("/{name}/offer")
async def offer(request: Request, name: str) -> AgreementView:
    return await services_of(request).agreements.offer(name)


@routes.post("/{name}/sign")
async def sign(request: Request, name: str) -> AgreementView:
    return await services_of(request).agreements.sign(name, caller_of(request))


@routes.post("/{name}/sync")
async def sync(request: Request, name: str) -> AgreementView:
    return await services_of(request).agreements.sync(name)


@routes.post("/{name}/revoke")
async def revoke(request: Request, name: str, body: ReasonBody) -> AgreementView:
    return await services_of(request).agreements.revoke(name, body.reason)
