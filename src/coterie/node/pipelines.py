"""The saved pipelines that this party has a part of, and what names they go by here."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from sqlalchemy import func, select

from coterie.crypto import now, timestamp, write_error
from coterie.errors import CoterieError
from coterie.jobs import Artefacts, JobSpec, Proposal, used_pipelines
from coterie.learn import Pipeline, read_pipeline

from .core import Core
from .errors import PIPELINE_IN_USE, PIPELINE_OTHER, PIPELINE_UNKNOWN
from .jobbook import JobBook
from .pipeline_views import PipelineColumnView, PipelineView
from .store import PipelineRow

__all__ = ["Pipelines"]

log = logging.getLogger("coterie.node")


class Pipelines:
    """A list of files: each lies where its job's results are."""

    def __init__(self, core: Core, book: JobBook) -> None:
        self._core, self._book = core, book

    async def keep(self, job: str) -> None:
        """Take in what a job that went well has saved here."""
        for result in self._book.results(job):
            if result.kind != "pipeline":
                continue
            try:
                found = await asyncio.to_thread(read_pipeline, Path(result.path))
            except CoterieError as error:  # the results of the job stand
                log.error("a pipeline of job %s is not kept: %s", job, error, extra={"job": job})
                continue
            self._add(found.pipeline, job, result.path, result.size)

    def _add(self, pipeline: Pipeline, job: str, path: str, size: int) -> None:
        identity = pipeline.identity
        with self._core.store.session() as session:
            if session.get(PipelineRow, identity) is not None:
                return
            last = session.scalar(
                select(func.max(PipelineRow.number)).where(PipelineRow.name == pipeline.name)
            )
            session.add(
                PipelineRow(
                    identity=identity,
                    name=pipeline.name,
                    number=(last or 0) + 1,
                    job=job,
                    document=pipeline.model_dump_json(),
                    path=path,
                    size=size,
                    made=timestamp(now()),
                    removed=None,
                )
            )

    # -- for jobs

    def of_spec(self, spec: JobSpec) -> dict[str, Pipeline]:
        """What is public of the pipelines that a job's steps use, by the names that they use.

        :raises CoterieError: CT-5086; CT-4001, CT-4002.
        """
        return {reference: _public(self._row(reference)) for reference in used_pipelines(spec)}

    def check(self, proposal: Proposal) -> None:
        """Whether what a proposal says of pipelines is what this party has of them.

        :raises CoterieError: CT-5086, CT-5087.
        """
        for reference in used_pipelines(proposal.spec):
            row, told = self._row(reference), proposal.pipelines.get(reference)
            if told is not None and told.identity != row.identity:
                problem = f"'{reference}' is {row.identity} at {self._core.name}, {told.identity} in the job"
                raise PIPELINE_OTHER(problem, party=self._core.name)

    def files_for(self, proposal: Proposal) -> dict[str, Path]:
        """This party's own files, by the names that the job's steps use. Errors: CT-5086, CT-5087."""
        self.check(proposal)
        return {one: Path(self._row(one).path) for one in used_pipelines(proposal.spec)}

    # -- for people

    def views(self) -> list[PipelineView]:
        """By name, the newest first."""
        there = select(PipelineRow).where(PipelineRow.removed.is_(None))
        order = (PipelineRow.name, PipelineRow.number.desc())
        with self._core.store.session() as session:
            rows = list(session.scalars(there.order_by(*order)))
        return [_view(row) for row in rows]

    def show(self, reference: str) -> PipelineView:
        """:param reference: digest, ``name@number``, or the name alone for the newest. Errors: CT-5086."""
        if "@" not in reference and not reference.startswith("sha256:"):
            found = [one for one in self.views() if one.name == reference]
            if found:
                return found[0]
        return _view(self._row(reference))

    async def remove(self, reference: str, reason: str) -> None:
        """Delete this party's part, wherever the job has left it: nobody scores by the pipeline any more.

        :raises CoterieError: CT-5086; CT-1120, CT-1121; CT-5088 while a job that is not over uses it.
        """
        row = self._row(reference)
        for job in self._book.active():
            using = self._book.proposal(job.id).pipelines.values()
            if row.identity in (one.identity for one in using):
                raise PIPELINE_IN_USE(f"'{row.name}@{row.number}' in job {job.id}")
        (result,) = (one for one in self._book.results(row.job) if one.path == row.path)
        body = {"job": row.job, "step": result.step, "kind": "pipeline", "name": result.name}
        about = {"content": result.digest, "size": row.size, "event": "removed", "reason": reason[:200]}
        await self._core.record("result", {**body, **about})
        await asyncio.to_thread(self._delete, row, result.digest)
        with self._core.store.session() as session:
            session.get_one(PipelineRow, row.identity).removed = timestamp(now())

    def _delete(self, row: PipelineRow, content: str) -> None:
        """Both names of the file."""
        for path in (Path(row.path), Artefacts(self._core.home.job(row.job) / "artefacts").path(content)):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise write_error(path, error) from error

    def _row(self, reference: str) -> PipelineRow:
        """Errors: CT-5086."""
        name, _, number = reference.partition("@")
        query = select(PipelineRow)
        if reference.startswith("sha256:"):
            query = query.where(PipelineRow.identity == reference)
        elif number.isdecimal() and len(number) < 10:
            query = query.where(PipelineRow.name == name, PipelineRow.number == int(number))
        else:
            raise PIPELINE_UNKNOWN(f"'{reference[:80]}' at {self._core.name}", party=self._core.name)
        with self._core.store.session() as session:
            row = session.scalar(query)
        if row is None or row.removed is not None:
            what = "" if row is None else f", where it was removed on {row.removed}"
            raise PIPELINE_UNKNOWN(f"'{reference[:80]}' at {self._core.name}{what}", party=self._core.name)
        return row


def _public(row: PipelineRow) -> Pipeline:
    return Pipeline.model_validate_json(row.document)


def _view(row: PipelineRow) -> PipelineView:
    pipeline = _public(row)
    columns = {
        own.party: tuple(PipelineColumnView(name=one.name, type=one.type) for one in own.columns)
        for own in pipeline.columns
    }
    return PipelineView(
        name=row.name,
        number=row.number,
        reference=f"{row.name}@{row.number}",
        identity=row.identity,
        engine=pipeline.engine,
        label_holder=pipeline.label_holder,
        label=pipeline.label,
        columns=columns,
        steps=tuple(one.step for one in pipeline.steps),
        model=pipeline.model,
        job=row.job,
        agreement=pipeline.agreement,
        made=row.made,
        size=row.size,
    )
