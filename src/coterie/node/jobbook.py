"""What the node knows of each job: its row, its approvals, its results, and how far everybody is."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import func, select

from coterie.agreement import Terms
from coterie.crypto import canonical, now, timestamp
from coterie.errors import CoterieError, from_record
from coterie.jobs import Approval, Plan, Proposal

from .attempts import Attempts
from .core import Core
from .errors import JOB_UNKNOWN
from .failures import error_view, failure_of
from .lost_views import DropoutsView, LostView
from .messages import Failure
from .store import ApprovalRow, ConsentRow, JobRow, ResultRow
from .unfinished import kept_step
from .views import ApprovalMode, ApprovalView, JobState, JobView, ParticipantView, PlanView, ResultView
from .watching.pulses import Pulses

__all__ = ["OVER", "JobBook", "mode_of"]

TOO_FEW = "CT-2414"
"""What ends a job for all of its parties."""

Lost = tuple[str, str, str, str | None]
"""Party, time, code, step."""

OVER: tuple[JobState, ...] = ("done", "failed", "refused", "cancelled")


def mode_of(terms: Terms, party: str) -> ApprovalMode:
    """Who approves at ``party``. A service that is no party, such as a dealer, has agreed by running."""
    return "automatic" if party in terms.services else terms.approval_of(party)


class JobBook:
    """Jobs in the store, and their progress in memory."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.attempts = Attempts(core)
        self.pulses = Pulses()
        self._progress: dict[str, dict[str, ParticipantView]] = {}
        self._unsaved: dict[str, tuple[JobState, Failure]] = {}
        """Ends that the store could not take: a full disk must not make a job look alive."""
        self._lost: dict[str, dict[str, Lost]] | None = None
        """By job, once the ledger has been asked."""

    def add(self, proposal: Proposal, plan: Plan, terms: Terms) -> None:
        """A new job, in state ``proposed``, with everybody's approval open."""
        spec = proposal.spec
        row = JobRow(
            id=proposal.job,
            name=spec.name,
            agreement=proposal.agreement,
            engine=spec.engine,
            initiator=proposal.initiator,
            state="proposed",
            proposal=proposal.model_dump_json(),
            plan=canonical(plan.to_document()).decode(),
            plan_digest=plan.digest,
            summary=plan.summary(),
            participants=list(plan.participants),
            created=proposal.created,
            started=None,
            ended=None,
            error=None,
            finished=[],
            countersigned=[],
        )
        with self._core.store.session() as session:
            row.number = (session.scalar(select(func.max(JobRow.number))) or 0) + 1
            session.add(row)
            for party in plan.participants:
                mode = mode_of(terms, party)
                session.add(
                    ApprovalRow(job=row.id, party=party, mode=mode, state="waiting", time=None, document=None)
                )

    def known(self, job: str) -> bool:
        with self._core.store.session() as session:
            return session.get(JobRow, job) is not None

    def row(self, job: str) -> JobRow:
        """:raises CoterieError: CT-5050."""
        with self._core.store.session() as session:
            row = session.get(JobRow, job)
        if row is None:
            raise JOB_UNKNOWN(repr(job[:40]), party=self._core.name)
        return row

    def state(self, job: str) -> JobState:
        """:raises CoterieError: CT-5050."""
        if job in self._unsaved:
            return self._unsaved[job][0]
        return self.row(job).state  # type: ignore[return-value]

    def over(self, job: str) -> bool:
        return self.state(job) in OVER

    def proposal(self, job: str) -> Proposal:
        return Proposal.model_validate_json(self.row(job).proposal)

    def steps(self, job: str) -> tuple[str, ...]:
        """Names of the steps that it was submitted with."""
        return tuple(step.name for step in self.proposal(job).spec.steps)

    def others(self, job: str) -> tuple[str, ...]:
        """The participants but this one."""
        return tuple(name for name in self.row(job).participants if name != self._core.name)

    def may_lose(self, job: str) -> frozenset[str]:
        """Whom the job goes on without, when they are gone: parties with data, where the plan has a minimum
        of them, but for a coordinator among them.
        """
        plan = json.loads(self.row(job).plan)
        return frozenset(plan["parties"]) - {plan["coordinator"]} if plan.get("minimum") else frozenset()

    def out(self, job: str) -> bool:
        """Whether this party failed alone in a job that can do without it."""
        row = self.row(job)
        code, party = (row.error or {}).get("code"), (row.error or {}).get("party")
        alone = row.state == "failed" and party == self._core.name and code != TOO_FEW
        return alone and row.started is not None and party in self.may_lose(job)

    def lost(self, job: str, party: str, code: str, step: str | None) -> None:
        """Remember what the ledger says of a party that the job goes on without."""
        self._of_lost().setdefault(job, {})[party] = (party, timestamp(now()), code, step)

    def is_lost(self, job: str, party: str) -> bool:
        """Whether the job goes on without a party."""
        return party in self._of_lost().get(job, {})

    def _of_lost(self) -> dict[str, dict[str, Lost]]:
        if self._lost is None:
            self._lost = {}
            for entry in self._core.ledger.entries("job"):
                body: Any = entry.body
                if body.get("event") == "lost":
                    found = (body["party"], entry.time, body["code"], body.get("step"))
                    self._lost.setdefault(body["job"], {})[body["party"]] = found
        return self._lost

    def change(self, job: str, **values: Any) -> None:
        """Set columns of the job's row."""
        with self._core.store.session() as session:
            row = session.get_one(JobRow, job)
            for name, value in values.items():
                setattr(row, name, value)

    def close(self, job: str, state: JobState, error: CoterieError | None) -> None:
        """Set a job's last state. Never fails: what the store does not take is kept in memory."""
        failure = failure_of(error) if error is not None else None
        stored = failure.model_dump() if failure is not None else None
        try:
            self.change(job, state=state, error=stored, ended=timestamp(now()))
        except CoterieError as problem:
            self._unsaved[job] = (state, failure or failure_of(problem))
        out = self.out(job)
        for party, view in self._progress.setdefault(job, {}).items():
            if view.state not in OVER and (not out or party == self._core.name):
                self._progress[job][party] = view.model_copy(update={"state": state, "waiting": ()})

    def active(self, agreement: str | None = None) -> list[JobRow]:
        """Jobs that are not over, oldest first."""
        with self._core.store.session() as session:
            rows = session.scalars(select(JobRow).where(JobRow.state.not_in(OVER)).order_by(JobRow.number))
            found = [row for row in rows if agreement in (None, row.agreement)]
        return [row for row in found if row.id not in self._unsaved]

    def states(self) -> dict[str, str]:
        """Of the jobs that are not over."""
        with self._core.store.session() as session:
            found = session.execute(select(JobRow.id, JobRow.state).where(JobRow.state.not_in(OVER))).all()
        return {job: state for job, state in found if job not in self._unsaved}

    def uses_record(self, record: str) -> bool:
        """Whether a job that is not over uses the sealed data of this record's digest."""
        return any(
            record in (one.digest for one in self.proposal(row.id).sealed.values())
            for row in self.active()
            if row.engine == "tee"
        )

    # -- approvals

    def approve(self, job: str, approval: Approval) -> None:
        """Keep an approval that was verified."""
        with self._core.store.session() as session:
            row = session.get_one(ApprovalRow, (job, approval.party))
            row.state, row.time, row.document = "approved", approval.time, approval.model_dump_json()

    def refuse(self, job: str, party: str) -> None:
        """Note a participant's no."""
        with self._core.store.session() as session:
            row = session.get(ApprovalRow, (job, party))
            if row is not None:
                row.state, row.time = "refused", timestamp(now())

    def approvals(self, job: str) -> dict[str, Approval]:
        """Those that are there, by participant."""
        with self._core.store.session() as session:
            rows = session.scalars(select(ApprovalRow).where(ApprovalRow.job == job))
            return {row.party: Approval.model_validate_json(row.document) for row in rows if row.document}

    # -- progress and results

    def progress(self, job: str, view: ParticipantView) -> None:
        """Remember how far a participant is."""
        self._progress.setdefault(job, {})[view.party] = view
        self.pulses.heard(job, view)

    def progress_of(self, job: str, party: str, state: JobState) -> ParticipantView:
        """What was last heard of a participant."""
        return self._progress.get(job, {}).get(party) or ParticipantView(party=party, state=state)

    def add_result(self, row: ResultRow) -> None:
        with self._core.store.session() as session:
            session.merge(row)

    def results(self, job: str) -> list[ResultRow]:
        """:raises CoterieError: CT-5050."""
        self.row(job)
        with self._core.store.session() as session:
            return list(
                session.scalars(select(ResultRow).where(ResultRow.job == job).order_by(ResultRow.name))
            )

    # -- views

    def view(self, job: str) -> JobView:
        """:raises CoterieError: CT-5050."""
        return self._view(self.row(job))

    def views(self) -> list[JobView]:
        """Newest first."""
        with self._core.store.session() as session:
            rows = list(session.scalars(select(JobRow).order_by(JobRow.number.desc())))
        return [self._view(row) for row in rows]

    def plan(self, job: str) -> PlanView:
        """:raises CoterieError: CT-5050."""
        row = self.row(job)
        return PlanView(job=job, digest=row.plan_digest, summary=row.summary, document=json.loads(row.plan))

    def _view(self, row: JobRow) -> JobView:
        with self._core.store.session() as session:
            approvals = list(session.scalars(select(ApprovalRow).where(ApprovalRow.job == row.id)))
            said = select(func.count()).where(
                ConsentRow.matter == f"job {row.id}", ConsentRow.asked.is_(False)
            )
            persons = {self._core.name: int(session.scalar(said) or 0)}
        state: Any = row.state
        failure = Failure.model_validate(row.error) if row.error else None
        if row.id in self._unsaved:
            state, failure = self._unsaved[row.id]
        error = error_view(from_record(failure.model_dump())) if failure else None
        proposal = Proposal.model_validate_json(row.proposal)
        dropouts = self._dropouts(row, proposal)
        return JobView(
            id=row.id,
            name=row.name,
            agreement=row.agreement,
            engine=row.engine,
            initiator=row.initiator,
            state=state,
            created=row.created,
            started=row.started,
            ended=row.ended,
            plan=row.plan_digest,
            steps=tuple(step.name for step in proposal.spec.steps),
            approvals=tuple(
                ApprovalView.model_validate(
                    {
                        "party": a.party,
                        "state": a.state,
                        "mode": a.mode,
                        "time": a.time,
                        "persons": persons.get(a.party, 0),
                    }
                )
                for a in sorted(approvals, key=lambda one: row.participants.index(one.party))
            ),
            participants=tuple(
                self.progress_of(row.id, party, state).model_copy(
                    update={"further": self.pulses.further(row.id, party)}
                )
                for party in row.participants
            ),
            results=tuple(result_view(result) for result in self.results(row.id)),
            error=error,
            countersigned_by=tuple(row.countersigned),
            # Where parties may drop out, runs begin anew.
            goes_on=None if state == "done" or dropouts else kept_step(self._core.home, proposal),
            dropouts=dropouts,
            stalls=() if state in OVER else self.pulses.stalls(row.id),
            attempts=self.attempts.views(row.id, [step.name for step in proposal.spec.steps]),
        )

    def _dropouts(self, row: JobRow, proposal: Proposal) -> DropoutsView | None:
        minimum = json.loads(row.plan).get("minimum")
        if minimum is None:
            return None
        lost = tuple(
            LostView(party=party, time=time, code=code, step=step, rows=proposal.facts[party].rows)
            for party, time, code, step in self._of_lost().get(row.id, {}).values()
            if party in proposal.facts
        )
        parties = len(proposal.facts)
        return DropoutsView(minimum=minimum, parties=parties, lost=lost, out=self.out(row.id))


def result_view(row: ResultRow) -> ResultView:
    """A result without its place on the disk."""
    return ResultView(name=row.name, kind=row.kind, step=row.step, digest=row.digest, size=row.size)
