"""Routes of tape files: taken in and listed at their party, asked for, and dealt at the dealer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from coterie.jobs import StageRequest
from coterie.node.views import DealingView, TapeView

from .access import services_of

__all__ = ["routes"]

routes = APIRouter()


def _whole(path: Path) -> Path:
    """No file system has names with a zero byte, and Python refuses them late."""
    if "\0" in str(path):
        raise ValueError("a zero byte in a path")
    return path


Place = Annotated[Path, AfterValidator(_whole)]


class TapeBody(BaseModel):
    """Take a tape file in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Place
    """On the node's machine."""


class DealingBody(BaseModel):
    """Deal a stage ahead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: str
    """JSON, as a party's node gives it for a stage of its job."""
    others: Annotated[tuple[str, ...], Field(max_length=15)] = ()
    """The requests of the other compute parties, where the agreement asks for an attested dealer."""
    folder: Place
    """For the files, on the node's machine."""


@routes.get("/tapes")
async def tapes(request: Request) -> list[TapeView]:
    return await services_of(request).tapes.views()


@routes.post("/tapes")
async def add_tape(request: Request, body: TapeBody) -> TapeView:
    return await services_of(request).tapes.add(body.path)


@routes.get("/jobs/{job}/stages/{stage}")
def stage_request(request: Request, job: str, stage: int) -> StageRequest:
    """What the dealer is asked for: public facts, no data."""
    return services_of(request).tapes.request(job, stage)


@routes.post("/dealings")
async def deal(request: Request, body: DealingBody) -> DealingView:
    return await services_of(request).dealings.start((body.request, *body.others), body.folder)


@routes.get("/dealings/{dealing}")
async def dealing_status(request: Request, dealing: str) -> DealingView:
    return services_of(request).dealings.view(dealing)


@routes.post("/dealings/{dealing}/cancel")
async def cancel_dealing(request: Request, dealing: str) -> DealingView:
    return services_of(request).dealings.cancel(dealing)
