"""Routes of lookups: tables prepared, taken in, listed, removed; ids asked for. No id is ever in a path."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from coterie.errors import CoterieError
from coterie.node.errors import TABLE_MISSING
from coterie.node.lookup_views import LookupTableView, LookupView

from .access import services_of
from .tapes import Place

__all__ = ["routes"]

routes = APIRouter()

MOST_IDS = 1 << 17

Name = Annotated[str, Field(min_length=1, max_length=100)]
Text = Annotated[str, Field(max_length=1000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PrepareBody(_Body):
    """Prepare a table of an own dataset."""

    agreement: Name
    dataset: Name


class TakeBody(_Body):
    """Take a table in."""

    path: Place
    """On the node's machine."""


class AskBody(_Body):
    """Ids to be asked for."""

    agreement: Name
    dataset: Name
    owner: Name | None = None
    ids: Annotated[
        tuple[Annotated[tuple[Text, ...], Field(min_length=1, max_length=16)], ...],
        Field(min_length=1, max_length=MOST_IDS, repr=False),
    ]
    """Of each its parts."""


@routes.get("/lookups/tables")
async def tables(request: Request) -> list[LookupTableView]:
    services = services_of(request)
    return [*await services.lookups.views(), *services.looking.views()]


@routes.post("/lookups/prepare")
async def prepare(request: Request, body: PrepareBody) -> LookupTableView:
    return await services_of(request).lookups.prepare(body.agreement, body.dataset)


@routes.post("/lookups/tables")
async def take(request: Request, body: TakeBody) -> LookupTableView:
    return await services_of(request).looking.add(body.path)


@routes.post("/lookups/remove")
async def remove(request: Request, body: PrepareBody) -> list[LookupTableView]:
    services = services_of(request)
    taken = services.looking.remove(body.agreement, body.dataset)
    try:
        await services.lookups.remove(body.agreement, body.dataset)
    except CoterieError as error:
        if not taken or error.code != TABLE_MISSING.code:
            raise
    return await tables(request)


@routes.post("/lookups/ask")
async def ask(request: Request, body: AskBody) -> LookupView:
    return await services_of(request).looking.ask(body.agreement, body.dataset, body.ids, body.owner)
