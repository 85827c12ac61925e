"""What monitors ask, at the paths that they know: whether the node lives, and whether it can take work."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from .access import METRICS, PERMITTED, services_of

__all__ = ["routes"]

routes = APIRouter()


@routes.get("/healthz", response_class=PlainTextResponse)
async def healthz() -> str:
    """The process lives."""
    return "ok\n"


@routes.get("/readyz", response_class=PlainTextResponse)
async def readyz(request: Request) -> PlainTextResponse:
    """200 where the node can take work, else 503, and no more: what is missing is told to who has a token."""
    view = await services_of(request).readiness.examine()
    return PlainTextResponse("ok\n") if view.ready else PlainTextResponse("not ready\n", 503)


@routes.get(METRICS, dependencies=[PERMITTED], response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """In Prometheus's text form."""
    text, form = await services_of(request).metrics.text()
    return Response(text, media_type=form)
