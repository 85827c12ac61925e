"""Routes of schemas: offers to compare columns, and comparisons."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from coterie.crypto import PartyName
from coterie.data import ColumnName, DatasetName
from coterie.node.comparing import MOST_COLUMNS
from coterie.node.schema_views import SchemaOfferView, SchemaRunView

from .access import services_of

__all__ = ["routes"]

routes = APIRouter(prefix="/schemas")

RUNS = 3
"""What an offer is for where nothing is said."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OfferBody(_Body):
    """Let others compare an own dataset's columns with theirs."""

    dataset: DatasetName
    to: Annotated[tuple[PartyName, ...], Field(min_length=1, max_length=4)]
    runs: Annotated[int, Field(ge=1, le=1000)] = RUNS
    columns: Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=MOST_COLUMNS)] | None = None
    """None for all."""


class WithdrawBody(_Body):
    """End an offer."""

    dataset: DatasetName


class CommonBody(_Body):
    """Compare."""

    dataset: DatasetName
    others: Annotated[dict[PartyName, DatasetName | None], Field(min_length=1, max_length=4)]
    """By party its dataset; null for the one that it offers."""


@routes.get("/offers")
async def offers(request: Request) -> list[SchemaOfferView]:
    return await services_of(request).schemas.offers()


@routes.post("/offers")
async def offer(request: Request, body: OfferBody) -> SchemaOfferView:
    return await services_of(request).schemas.offer(body.dataset, body.to, body.runs, body.columns)


@routes.post("/withdraw")
async def withdraw(request: Request, body: WithdrawBody) -> list[SchemaOfferView]:
    await services_of(request).schemas.withdraw(body.dataset)
    return await offers(request)


@routes.post("/common")
async def common(request: Request, body: CommonBody) -> SchemaRunView:
    return await services_of(request).schemas.common(body.dataset, body.others)


@routes.get("/runs")
async def runs(request: Request) -> list[SchemaRunView]:
    return await services_of(request).schemas.runs()


@routes.get("/runs/{run}")
async def show(request: Request, run: str) -> SchemaRunView:
    return await services_of(request).schemas.run(run)
