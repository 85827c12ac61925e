"""Run a job at one participant: stage by stage, step by step, with plan and fact side by side."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import atomic_write, canonical, parse_json
from coterie.data import Dataset, Scratch, VerticalFrame, load, source_stamp
from coterie.errors import UNEXPECTED, CoterieError
from coterie.learn import EACH, Finding, JobFacts, RunContext, StepPlan, serve, summing, synced
from coterie.mpc import TapeFile
from coterie.wire import Mesh

from .accounts import Accounts
from .assignment import Assignment, Host
from .attested.running import AttestedJob
from .checkpoints import Checkpoints, Reached
from .dealing import binding_of, parts_of
from .differences import check_within, plan_difference
from .dropouts import Dropouts, read_facts
from .errors import DATA_CHANGED, FACTS_DIFFER, PLAN_DIFFERS, RESULT_REFUSED
from .gate import check_common_rows
from .journal import Journal
from .modules import module_files
from .plan import DIGEST_BYTES, FACTS_BYTES, Planner, StagePlan, derive_plan
from .registry import component, parameters
from .results import Results
from .unfinished import Unfinished, unfinished_steps

__all__ = ["checkpoint_folder", "run_job", "stage_file"]

TAPE_SECONDS = 0.25
"""Between two looks whether a tape file has come: a person brings it."""

PLAN_LIMIT = 4 * 1024 * 1024
"""Largest stage plan that is read from a peer to name a difference."""


def stage_file(stage: int) -> str:
    """In a job's folder: what a request for the stage's tape files says of sizes and plan."""
    return f"stage-{stage}.json"


def checkpoint_folder(directory: Path) -> Path:
    """In a job's folder: what is kept of its steps."""
    return directory / "checkpoints"


def run_job(assignment: Assignment, mesh: Mesh, host: Host, memory: int | None = None) -> None:
    """Run all stages. On failure every other participant is told the same code before this raises.

    :param memory: bytes of private arrays that secure computations hold in memory; the rest lies on disk.
    :raises CoterieError: whatever ended the job, with party and step.
    """
    run: _Run | AttestedJob | None = None
    try:
        if assignment.proposal.spec.engine == "tee":
            run = AttestedJob(assignment, mesh, host)
        else:
            run = _Run(assignment, mesh, host, memory)
        run.all_stages()
    except CoterieError as error:
        error.at(party=assignment.me, step=run.step if run else None)
        mesh.fail(error)
        raise
    except Exception as error:
        failure = UNEXPECTED(type(error).__name__, party=assignment.me, step=run.step if run else None)
        mesh.fail(failure)
        raise failure from error
    finally:
        shutil.rmtree(assignment.directory / "work", ignore_errors=True)


class _Run:
    def __init__(self, assignment: Assignment, mesh: Mesh, host: Host, memory: int | None) -> None:
        self._job = assignment
        self._memory = memory
        self._mesh = mesh
        self._host = host
        self._planner = Planner(assignment.proposal, assignment.terms)
        self._approved = derive_plan(assignment.proposal, assignment.terms)
        self._journal = Journal(assignment.directory / "journal.jsonl")
        self._accounts = Accounts(self._approved.job, assignment.me, mesh, host, self._journal)
        self._results = Results(self._approved.job, assignment.directory, host)
        self._dataset: Dataset | None = None
        self._scratch = Scratch(assignment.directory / "work")
        self._unfinished = self._unfinished_steps()
        self._frames: dict[str, VerticalFrame] = {}
        self._models: dict[str, Any] = {}
        self._findings: dict[str, list[Finding]] = {}
        self._scores: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._ran: list[StepPlan] = []
        self._told: list[dict[str, int]] = []
        """The sizes after each stage so far."""
        self._mine: dict[str, int] | None = None
        """What this party has told at the beginning of the present stage."""
        self._told_before: dict[str, int] | None = None
        """What all told at the beginning of the stage that goes on, in the attempt before."""
        self._ended: set[str] = set()
        """Steps that an earlier attempt has done."""
        self._stamp: str | None = None
        """Of the own dataset's source."""
        self._kept: Checkpoints | None = None
        if assignment.keeps:
            self._kept = Checkpoints(checkpoint_folder(assignment.directory), self._approved.digest)
        self._tapes: TapeFile | None = None
        self._dropouts: Dropouts | None = None
        """Where parties may drop out."""
        if self._approved.minimum is not None:
            self._dropouts = Dropouts(assignment, self._approved, mesh, self._accounts, host)

    @property
    def step(self) -> str | None:
        """The present one."""
        return self._accounts.step

    def all_stages(self) -> None:
        self._journal.append("start", plan=self._approved.digest, attempt=self._job.attempt)
        if self._job.dataset is not None:
            self._accounts.step = "load"
            self._host.progress("load", 0, 1, "reading the dataset")
            self._stamp = source_stamp(self._job.dataset.source)
            self._dataset = load(self._job.dataset, self._own_columns(), self._scratch)
        facts: dict[str, int] | None = None
        if self._job.mark is not None:
            facts = self._go_on(self._job.mark)
        elif self._kept is not None:
            self._kept.forget_after(None)
        while not self._planner.done:
            facts = self._stage(facts)
        self._accounts.step = None
        self._journal.append("done")
        for kept in self._unfinished.values():
            kept.remove()

    def _go_on(self, mark: str) -> dict[str, int] | None:
        """Take up what an earlier attempt has kept, and plan again what it has run; gives what this party
        tells at the beginning of the stage that was not done. That stage is agreed on as at the first time.

        Errors: CT-4022, CT-4070.
        """
        assert self._kept is not None, "what goes on is kept"
        reached, state = self._kept.load(mark, self._scratch)
        if state["stamp"] != self._stamp:
            raise DATA_CHANGED(f"dataset '{self._job.proposal.spec.datasets.get(self._job.me)}'")
        self._frames, self._models = state["frames"], state["models"]
        self._findings, self._scores = state["findings"], state["scores"]
        self._accounts.measured = state["measured"]
        for index in range(reached.stage):
            if index:
                self._planner.apply(reached.told[index - 1])
            stage = self._planner.stage(exact=True)
            check_within(stage, self._approved.stages[index])
            self._ran.extend(stage.steps[1:])
        self._told = list(reached.told[:-1])
        self._told_before = reached.told[-1] if reached.told else None
        names = [step.name for step in self._planner.steps]
        self._ended = set(names[: reached.number])
        self._journal.append("resume", step=reached.step, attempt=self._job.attempt)
        return reached.mine

    def _keep(self, stage: StagePlan, step: StepPlan) -> None:
        """Keep what the next step begins with."""
        if self._kept is None:
            return
        told = (self._job.attempt, stage.index, self._mine, tuple(self._told))
        state = {
            "stamp": self._stamp,
            "frames": self._frames,
            "models": self._models,
            "findings": self._findings,
            "scores": self._scores,
            "measured": self._accounts.measured,
        }
        self._kept.save(Reached(len(self._ran), step.step, *told), state)
        self._scratch.release()

    def _unfinished_steps(self) -> dict[str, Unfinished]:
        """Where the steps that can go on keep how far they are."""
        job, own = self._job, self._job.proposal.facts.get(self._job.me)
        if job.unfinished is None or own is None:
            return {}
        disk = {step.step: step.disk for stage in self._approved.stages for step in stage.steps}
        return {
            step: Unfinished(job.unfinished / name, own.rows, self._accounts.goes_on, disk[step])
            for step, name in unfinished_steps(job.proposal)
        }

    def _own_columns(self) -> tuple[str, ...]:
        """Own columns that this job uses; the others are not even read."""
        context = self._planner.context
        me = EACH if context.horizontal else self._job.me
        label = (context.label,) if context.labelled and context.label_holder == me else ()
        return (*context.columns[me], *label)

    def _stage(self, facts: dict[str, int] | None) -> dict[str, int]:
        """Agree on one stage and run it; gives the sizes that it told."""
        index = self._planner.next_stage
        approved = self._approved.stages[index]
        others = [name for name in self._approved.participants if name != self._job.me]
        told: dict[str, int] = {}
        self._mine = facts
        with self._accounts.accounted(approved.steps[0]):
            if facts is not None:
                told = self._exchange_facts(facts, others)
                if self._told_before not in (None, told):
                    raise FACTS_DIFFER(f"{told}, and {self._told_before} in the attempt before")
                self._told_before = None
                self._planner.apply(told)
                self._check_common_rows()
            stage = self._planner.stage(exact=True)
            check_within(stage, approved)
            different = self._compare(stage, others)
        if different:
            self._name_difference(stage, different)
        body = {"stage": index, "plan": stage.digest, "sizes": told}
        self._host.ledger("plan", {"job": self._approved.job, **body})
        if index:
            self._told.append(told)
        with self._tape_file(stage):
            for step in stage.steps[1:]:
                if step.step in self._ended:
                    self._ran.append(step)
                    continue
                self._run_step(step)
                self._keep(stage, step)
        if self._job.me not in self._approved.parties:
            return {}  # who has no data has no frame whose sizes it could tell
        last = stage.steps[-1]
        context = self._context(last)
        return component(last.component).facts(context)

    @contextlib.contextmanager
    def _tape_file(self, stage: StagePlan) -> Iterator[None]:
        """Where what is dealt comes in files: wait for this party's, and write down that it is used."""
        if any(step.tapes for step in stage.steps):
            ready = {"stage": stage.index, "plan": stage.digest, "facts": self._told}
            atomic_write(self._job.directory / stage_file(stage.index), canonical(ready))
        parts = parts_of(stage, self._job.me)
        if not parts:
            yield
            return
        self._accounts.step = f"stage-{stage.index}"
        binding = binding_of(self._approved.job, stage)
        while (file := self._host.tape(binding)) is None:
            self._host.progress(
                f"stage-{stage.index}", 0, 1, f"waiting for the tape file of stage {stage.index}"
            )
            self._mesh.check()
            time.sleep(TAPE_SECONDS)
        with file:
            file.require(binding, parts)
            head = file.head
            used = {"event": "used", "serial": head.serial, "dealer": head.dealer.name}
            self._host.ledger("tape", {**used, **binding.model_dump(), "size": head.file_size})
            self._tapes = file
            yield
            self._tapes = None

    def _exchange_facts(self, mine: dict[str, int], others: list[str]) -> dict[str, int]:
        """Tell and hear the sizes of the last stage. All data parties must report the same, but where each
        has rows of its own: then their names are put to what they tell."""
        heard: dict[str, dict[str, int]] = {}
        if self._dropouts is not None:
            heard = self._dropouts.exchange(mine, self._planner.context.frames)
            others = []
        elif self._job.me in self._approved.parties:
            heard[self._job.me] = mine
            record = canonical(mine).ljust(FACTS_BYTES)
            for name in others:
                self._mesh.to(name).send_bytes("facts", record)
        for name in others:
            if name in self._approved.parties:
                record = self._mesh.to(name).recv_bytes("facts", FACTS_BYTES)
                heard[name] = read_facts(record, name)
        if self._approved.horizontal:
            return {f"{fact}@{party}": rows for party in sorted(heard) for fact, rows in heard[party].items()}
        reference = heard[self._approved.parties[0]]
        for name, told in heard.items():
            if told != reference:
                raise FACTS_DIFFER(
                    f"{told} at {name}, {reference} at {self._approved.parties[0]}", party=name
                )
        return reference

    def _check_common_rows(self) -> None:
        check_common_rows(self._job.terms, self._planner.context.frames, self._frames)

    def _compare(self, stage: StagePlan, others: list[str]) -> list[str]:
        """Who has another plan of the stage. Where parties may drop out, all are there before the first
        alone; later who has another plan goes no further.
        """
        different = []
        if self._dropouts is None or stage.index == 0:
            different = self._exchange_digests(stage, others)
        if self._dropouts is not None and not different:
            if stage.index == 0:
                self._dropouts.begin()
            self._dropouts.bind(stage.digest)
        return different

    def _exchange_digests(self, stage: StagePlan, others: list[str]) -> list[str]:
        """Compare the stage's plan with everybody's; gives those that have another."""
        record = f"{stage.index} {stage.digest}".encode().ljust(DIGEST_BYTES)
        for name in others:
            self._mesh.to(name).send_bytes("plan", record)
        return [name for name in others if self._mesh.to(name).recv_bytes("plan", DIGEST_BYTES) != record]

    def _name_difference(self, stage: StagePlan, peers: list[str]) -> None:
        """Exchange plans with those that have another, and say what differs. Plans hold no data."""
        mine = canonical(stage.to_document())
        sent = {self._job.me: dict.fromkeys(peers, len(mine))}
        with self._accounts.accounted(StepPlan(f"stage-{stage.index}-difference", "plan", {}, sent=sent)):
            for peer in peers:
                self._mesh.to(peer).send_bytes("plan-document", mine)
            theirs = self._mesh.to(peers[0]).recv_bytes("plan-document", PLAN_LIMIT)
            difference = plan_difference(
                parse_json(mine, limit=PLAN_LIMIT), parse_json(theirs, limit=PLAN_LIMIT)
            )
            raise PLAN_DIFFERS(f"with {peers[0]}: {difference or 'canonical form'}", party=peers[0])

    def _run_step(self, step: StepPlan) -> None:
        self._accounts.step = step.step
        self._host.progress(step.step, 0, 1, step.component)
        # The columns that other parties' steps have left: facts of a step are of its own frames.
        self._frames.update(synced(self._frames, self._planner.planned[step.step].frames))
        context = self._context(step)
        params = parameters(next(one for one in self._job.proposal.spec.steps if one.name == step.step))
        with self._accounts.accounted(step):
            if context.engine == "fl" and not context.computes:
                serve(context)
            else:
                with summing(context):
                    component(step.component).run(context, params)
        self._scratch.release()
        self._ran.append(step)
        self._host.progress(step.step, 1, 1, "done")

    def _context(self, step: StepPlan) -> RunContext:
        planning = self._planner.planned[step.step]
        return RunContext(
            engine=planning.engine,
            step=step.step,
            me=self._job.me,
            parties=planning.parties,
            dealer=planning.dealer,
            receivers=planning.receivers,
            mesh=self._mesh,
            plan=step,
            planning=planning,
            id_key=bytes.fromhex(self._job.id_key),
            datasets=self._datasets(),
            frames=self._frames,
            models=self._models,
            scratch=self._scratch,
            memory=self._memory,
            progress=partial(self._host.progress, step.step),
            publish=lambda kind, name, content, _: self._publish(step, kind, name, content),
            findings=self._findings,
            scores=self._scores,
            tapes=self._tapes,
            lasting=None if self._dropouts is None else self._dropouts.adder,
            checkpoint=self._unfinished.get(step.step),
            goes_on=self._accounts.goes_on,
            pipelines=self._job.pipelines,
            modules=module_files(self._job.proposal),
            job=JobFacts(
                id=self._approved.job,
                title=self._approved.name,
                agreement=f"{self._job.terms.name} ({self._approved.agreement})",
                steps=(*self._ran, step),
                measured=dict(self._accounts.measured),
                without=() if self._dropouts is None else tuple(self._dropouts.changes),
            ),
        )

    def _datasets(self) -> dict[str, Dataset]:
        """The own one, by the name of its columns' owner in frames."""
        if self._dataset is None:
            return {}
        return {EACH if self._approved.horizontal else self._job.me: self._dataset}

    def _publish(self, step: StepPlan, kind: str, name: str, content: bytes) -> None:
        if self._job.me not in step.results.get(kind, ()):
            raise RESULT_REFUSED(f"{kind} {name!r} for {self._job.me}")
        self._check_common_rows()
        self._results.publish(step.step, kind, name, content)
