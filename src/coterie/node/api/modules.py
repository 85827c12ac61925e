"""Routes of users' modules: files that stewards read and agreements list."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from coterie.node.module_views import ModuleView

from .access import services_of

__all__ = ["routes"]

routes = APIRouter(prefix="/modules")


class ModuleBody(BaseModel):
    """A file, one of Python."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(max_length=256 * 1024)


@routes.get("")
async def modules(request: Request) -> list[ModuleView]:
    return services_of(request).modules.views()


@routes.post("")
async def add_module(request: Request, body: ModuleBody) -> ModuleView:
    return services_of(request).modules.add(body.source)


@routes.get("/{reference}")
async def module(request: Request, reference: str) -> ModuleView:
    return services_of(request).modules.show(reference)
