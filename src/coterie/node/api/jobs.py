"""Routes of jobs. An analyst's token submits and cancels; approving in the party's name takes an admin's."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict

from coterie.node.errors import NOT_FOUND
from coterie.node.jobbook import result_view
from coterie.node.views import JobView, PlanView, ResultView

from .access import caller_of, services_of
from .agreements import ReasonBody

__all__ = ["routes"]

routes = APIRouter(prefix="/jobs")


class SpecBody(BaseModel):
    """A job file, YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spec: str


@routes.get("")
async def jobs(request: Request) -> list[JobView]:
    return services_of(request).book.views()


@routes.post("")
async def submit(request: Request, body: SpecBody) -> JobView:
    services = services_of(request)
    return services.book.view(await services.proposals.submit(body.spec, caller_of(request)))


@routes.post("/preview")
async def preview(request: Request, body: SpecBody) -> PlanView:
    return await services_of(request).proposals.preview(body.spec)


@routes.get("/{job}")
async def job_status(request: Request, job: str) -> JobView:
    return services_of(request).book.view(job)


@routes.get("/{job}/plan")
async def plan(request: Request, job: str) -> PlanView:
    return await services_of(request).proposals.plan(job)


@routes.post("/{job}/approve")
async def approve(request: Request, job: str) -> JobView:
    services = services_of(request)
    await services.approving.approve(job, caller_of(request))
    return services.book.view(job)


@routes.post("/{job}/refuse")
async def refuse(request: Request, job: str, body: ReasonBody) -> JobView:
    services = services_of(request)
    await services.runs.refuse(job, body.reason)
    return services.book.view(job)


@routes.post("/{job}/again")
async def again(request: Request, job: str) -> JobView:
    """The job as it is submitted once more, under another id."""
    services = services_of(request)
    return services.book.view(await services.proposals.again(job, caller_of(request)))


@routes.post("/{job}/cancel")
async def cancel(request: Request, job: str, body: ReasonBody) -> JobView:
    services = services_of(request)
    await services.runs.cancel(job, body.reason)
    return services.book.view(job)


@routes.get("/{job}/results")
async def results(request: Request, job: str) -> list[ResultView]:
    return [result_view(row) for row in services_of(request).book.results(job)]


@routes.get("/{job}/results/{name:path}")
def download(request: Request, job: str, name: str) -> FileResponse:
    """The file as it is; its digest is in the list of results."""
    for row in services_of(request).book.results(job):
        if row.name == name and Path(row.path).is_file():
            return FileResponse(row.path, media_type="application/octet-stream", filename=Path(name).name)
    raise NOT_FOUND(f"result {name[:100]!r} of job {job[:40]}")
