"""Run a job in one process that holds the data of all owners: what is run inside a TEE.

Nothing here knows of attestation: whoever calls it has made sure that it may hold the data, seals what is
published to its receivers, and keeps what happens inside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coterie.agreement import Terms
from coterie.data import Dataset, Scratch, VerticalFrame, opened
from coterie.errors import UNEXPECTED, CoterieError
from coterie.learn import Finding, JobFacts, Measured, RunContext, StepPlan, synced
from coterie.wire import local_meshes

from .differences import check_within
from .errors import DATASETS_INVALID, RESULT_REFUSED
from .gate import check_common_rows
from .plan import Plan, Planner, StagePlan, derive_plan
from .proposal import Proposal
from .registry import component, parameters

__all__ = ["JOINT", "Publish", "run_joint"]

JOINT = "(tee)"
"""Who failed, where it was no owner's data. No party can have this name."""


class Lent(Protocol):
    """A Parquet file in memory that is there for one reading."""

    def lend(self, read: Callable[[pa.Buffer], Dataset]) -> Dataset:
        """What ``read`` makes of the file. The file MAY be gone after that."""
        ...


Content: TypeAlias = "pa.Table | pa.Buffer | Lent | Dataset"


class Publish(Protocol):
    """Where results go."""

    def __call__(
        self, step: str, kind: str, name: str, content: bytes, to: tuple[str, ...], rows: int
    ) -> None:
        """Take a result for the parties of ``to``, all of whom the plan names for this step and kind. MUST
        let nobody else have it. A file of one name comes more than once where receivers get different ones.

        :param rows: what the datasets have in common, which the agreement's minimum is about.
        """


def run_joint(
    proposal: Proposal,
    terms: Terms,
    datasets: Mapping[str, Content],
    id_key: bytes,
    *,
    publish: Publish,
    progress: Callable[[str, int, int, str], None],
    scratch: Scratch | None = None,
) -> Plan:
    """Run all stages of a job of engine tee.

    The plan is derived from the proposal as every party does it; each stage is derived again from the sizes
    that are known then, and held against it. Sizes stay here: nobody is told of them.

    :param datasets: of every owner: a table with its id column, or a Parquet file, in memory. They are
        checked by the rules of files. A loaded dataset is taken as it is. Of files that are lent, nothing is
        held after they have been read.
    :param id_key: 32 bytes, the one whose commitment the terms have: the order of rows, and which of them are
        test rows, depend on it.
    :param progress: ``progress(step, done, total, what)``; may raise to end the job.
    :param scratch: where long tables lie; None for memory.
    :returns: the plan that it ran under.
    :raises CoterieError: whatever ended the job, with party, where it is one owner's data, and step. Details
        may name columns and count rows of any owner: who passes an error on decides how much of it. CT-4015
        where too few rows are common, CT-4021 for a result that is not planned, CT-4004, CT-4011.
    """
    run: _Run | None = None
    try:
        run = _Run(proposal, terms, id_key, publish, progress, scratch)
        run.load(datasets)
        run.all_stages()
        return run.approved
    except CoterieError as error:
        raise error.at(party=JOINT, step=run.step if run else None) from None
    except Exception as error:
        step = run.step if run else None
        raise UNEXPECTED(type(error).__name__, party=JOINT, step=step) from error


class _Run:
    def __init__(
        self,
        proposal: Proposal,
        terms: Terms,
        id_key: bytes,
        publish: Publish,
        progress: Callable[[str, int, int, str], None],
        scratch: Scratch | None,
    ) -> None:
        if proposal.spec.engine != "tee":
            raise DATASETS_INVALID(f"engine {proposal.spec.engine} runs where the data is, and not joined")
        self._proposal = proposal
        self._terms = terms
        self._id_key = id_key
        self._publish_result = publish
        self._progress = progress
        self._scratch = scratch
        self._planner = Planner(proposal, terms)
        self.approved = derive_plan(proposal, terms)
        self._mesh = local_meshes([JOINT])[JOINT]
        self._datasets: dict[str, Dataset] = {}
        self._frames: dict[str, VerticalFrame] = {}
        self._models: dict[str, Any] = {}
        self._findings: dict[str, list[Finding]] = {}
        self._scores: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._measured: dict[str, Measured] = {}
        self._ran: list[StepPlan] = []
        self.step: str | None = None

    def load(self, datasets: Mapping[str, Content]) -> None:
        """Check every owner's data, and keep the columns that the job uses."""
        self.step = "load"
        parties = self.approved.parties
        if set(datasets) != set(parties):
            raise DATASETS_INVALID("data is needed of just the parties that have a dataset in the job")
        # Much of it is hashing and sorting, on one core; a disk gets one after the other.
        with ThreadPoolExecutor(len(parties) if self._scratch is None else 1) as pool:
            loading = {party: pool.submit(self._loaded, party, datasets[party]) for party in parties}
            for number, party in enumerate(parties):
                self._progress("load", number, len(parties), f"reading the dataset of {party}")
                try:
                    self._datasets[party] = loading[party].result()
                except CoterieError as error:
                    raise error.at(party=party) from None

    def _loaded(self, party: str, content: Content) -> Dataset:
        facts, wanted = self._proposal.facts[party], self._columns(party)
        if isinstance(content, Dataset):
            if content.rows != facts.rows:
                raise DATASETS_INVALID(f"{content.rows} rows, and {facts.rows} in the proposal")
            return content
        if isinstance(content, pa.Table | pa.Buffer):
            return opened(facts, content, wanted, self._scratch)
        return content.lend(lambda file: opened(facts, file, wanted, self._scratch))

    def _columns(self, party: str) -> tuple[str, ...]:
        """What the job uses of a party's columns; the others are not even read."""
        context = self._planner.context
        label = (context.label,) if context.labelled and context.label_holder == party else ()
        return (*context.columns[party], *label)

    def all_stages(self) -> None:
        while not self._planner.done:
            stage = self._planner.stage(exact=True)
            check_within(stage, self.approved.stages[stage.index])
            self._stage(stage)
        self.step = None

    def _stage(self, stage: StagePlan) -> None:
        for step in stage.steps[1:]:
            self._run_step(step)
        last = stage.steps[-1]
        if component(last.component).ends_stage:
            self._planner.apply(component(last.component).facts(self._context(last)))
            self._check_common_rows()

    def _run_step(self, step: StepPlan) -> None:
        self.step = step.step
        self._progress(step.step, 0, 1, step.component)
        given = next(one for one in self._proposal.spec.steps if one.name == step.step)
        self._frames.update(synced(self._frames, self._planner.planned[step.step].frames))
        started = time.monotonic()
        with self._mesh.step(step.step, {}):
            component(step.component).run(self._context(step), parameters(given))
        self._measured[step.step] = Measured({}, 0, time.monotonic() - started)
        if self._scratch is not None:
            self._scratch.release()
        self._ran.append(step)
        self._let_go()
        self._progress(step.step, 1, 1, "done")

    def _let_go(self) -> None:
        """Columns that are in frames need not be in memory twice."""
        left = self._proposal.spec.steps[len(self._ran) :]
        if not any(component(one.component).reads(parameters(one)) for one in left):
            self._datasets = {party: one.without_columns() for party, one in self._datasets.items()}

    def _check_common_rows(self) -> None:
        check_common_rows(self._terms, self._planner.context.frames, self._frames)

    def _context(self, step: StepPlan) -> RunContext:
        planning = self._planner.planned[step.step]
        return RunContext(
            engine=planning.engine,
            step=step.step,
            me=JOINT,
            parties=planning.parties,
            dealer=None,
            receivers=planning.receivers,
            mesh=self._mesh,
            plan=step,
            planning=planning,
            id_key=self._id_key,
            datasets=self._datasets,
            frames=self._frames,
            models=self._models,
            scratch=self._scratch,
            findings=self._findings,
            scores=self._scores,
            progress=lambda done, total, what, **_: self._progress(step.step, done, total, what),
            publish=lambda kind, name, content, to: self._publish(step, kind, name, content, to),
            job=JobFacts(
                id=self.approved.job,
                title=self.approved.name,
                agreement=f"{self._terms.name} ({self.approved.agreement})",
                steps=(*self._ran, step),
                measured=dict(self._measured),
                simulated=self._planner.tee.simulated if self._planner.tee else (),
            ),
        )

    def _publish(self, step: StepPlan, kind: str, name: str, content: bytes, to: tuple[str, ...]) -> None:
        planned = step.results.get(kind, ())
        if not to or any(party not in planned for party in to):
            raise RESULT_REFUSED(f"{kind} {name!r} for {', '.join(to) or 'nobody'}")
        self._check_common_rows()
        rows = min((len(dataset.ids) for dataset in self._datasets.values()), default=0)
        common = self._frames.get("all")
        self._publish_result(step.step, kind, name, content, to, common.common_rows if common else rows)
