"""A party's yes to a job's plan: given here by the terms or by people, and taken from others."""

from __future__ import annotations

from coterie.jobs import Approval, Plan, approve, verify_approval

from .agreements import Agreements
from .core import Core
from .errors import JOB_STATE, NOT_PARTICIPANT
from .jobbook import JobBook
from .messages import ApprovalPush, Ok
from .outbox import Outbox
from .people.consents import Consents
from .people.roles import Principal
from .planning import Planning
from .runs import Runs

__all__ = ["Approving"]


class Approving:
    """Who approves is in the agreement: the node itself, one person, or two."""

    def __init__(
        self,
        core: Core,
        outbox: Outbox,
        agreements: Agreements,
        planning: Planning,
        book: JobBook,
        runs: Runs,
        consents: Consents,
    ) -> None:
        self._core = core
        self._outbox = outbox
        self._agreements = agreements
        self._planning = planning
        self._book = book
        self._runs = runs
        self._consents = consents

    def submitted(self, job: str, by: Principal) -> None:
        """Who submits a job is none of several who approve it."""
        self._consents.asked_by(_matter(job), by)

    async def approve(self, job: str, by: Principal) -> None:
        """A person's yes, in this party's name if the agreement asks for no more people.

        :raises CoterieError: CT-5050, CT-5051, CT-5127 to CT-5129, CT-16xx where the agreement no longer
            allows the job.
        """
        if self._book.state(job) != "proposed":
            raise JOB_STATE(f"it is {self._book.state(job)}")
        if self._core.name in self._book.approvals(job):
            raise JOB_STATE(f"{self._core.name} has approved it already")
        plan = await self._plan_of(job)
        agreement = self._agreements.get(plan.agreement)
        await self._planning.require(self._book.proposal(job), plan, agreement)
        needed = agreement.terms.persons_of(self._core.name)
        persons = await self._consents.give(_matter(job), by, "approve jobs", needed)
        if persons < needed:
            return
        approval = await self.approve_own(plan, persons)
        await self._outbox.send(self._book.others(job), f"approval {job}", ApprovalPush(approval=approval))
        self._runs.try_start(job)

    async def receive(self, peer: str, message: ApprovalPush) -> Ok:
        """A participant's people have approved. :raises CoterieError: CT-4014, CT-5050, CT-5054."""
        approval = message.approval
        if peer not in self._book.row(approval.job).participants:
            raise NOT_PARTICIPANT(peer, party=peer)
        plan = await self._plan_of(approval.job)
        if not self._book.over(approval.job):
            await self.take(peer, approval, plan)
            self._runs.try_start(approval.job)
        return Ok()

    async def take(self, peer: str, approval: Approval, plan: Plan) -> None:
        """Check another participant's, and keep the first. :raises CoterieError: CT-4014."""
        terms = self._agreements.get(plan.agreement).terms
        verify_approval(approval, self._core.peer(peer), plan, terms.persons_of(peer))
        if peer not in self._book.approvals(plan.job):
            await self._keep(approval)

    async def approve_own(self, plan: Plan, persons: int = 1) -> Approval:
        """Sign, and write it down."""
        approval = approve(self._core.identity, plan, persons)
        await self._keep(approval)
        return approval

    async def _plan_of(self, job: str) -> Plan:
        proposal = self._book.proposal(job)
        return await self._planning.derive(proposal, self._agreements.get(proposal.agreement))

    async def _keep(self, approval: Approval) -> None:
        await self._core.record("approval", approval.model_dump())
        self._book.approve(approval.job, approval)


def _matter(job: str) -> str:
    return f"job {job}"
