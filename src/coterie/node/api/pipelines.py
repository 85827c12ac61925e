"""Routes of saved pipelines: what this party has a part of."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from coterie.node.pipeline_views import PipelineView

from .access import services_of

__all__ = ["routes"]

routes = APIRouter(prefix="/pipelines")


@routes.get("")
async def pipelines(request: Request) -> list[PipelineView]:
    return services_of(request).pipelines.views()


@routes.get("/{reference}")
async def pipeline(request: Request, reference: str) -> PipelineView:
    return services_of(request).pipelines.show(reference)


@routes.delete("/{reference}")
async def remove_pipeline(
    request: Request, reference: str, reason: Annotated[str, Query(max_length=300)] = ""
) -> None:
    await services_of(request).pipelines.remove(reference, reason)
