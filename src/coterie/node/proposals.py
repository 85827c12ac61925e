"""From a job file to a plan that every participant has approved."""

from __future__ import annotations

import asyncio
import logging

from coterie.agreement import Agreement
from coterie.data import DatasetFacts
from coterie.errors import CoterieError, NotAgreed, PeerIncompatible
from coterie.jobs import (
    PLAN_DIFFERS,
    Deposits,
    JobSpec,
    Plan,
    Proposal,
    check_kept,
    check_parties,
    facts_of,
    parse_spec,
    plan_difference,
    propose,
    roles_of,
)
from coterie.tee import DatasetRecord, require_tee

from .agreements import Agreements
from .approving import Approving
from .core import Core
from .datasets import Datasets
from .errors import (
    HUB_HOLDS_NO_DATA,
    NOT_HOST,
    NOT_INITIATOR,
    NOT_PARTICIPANT,
    PROPOSAL_ALTERED,
    SEALING_SLOW,
)
from .failures import is_away
from .jobbook import JobBook, mode_of
from .measured import measured
from .messages import (
    FactsAnswer,
    FactsQuestion,
    KeptAnswer,
    KeptQuestion,
    Propose,
    ProposeAnswer,
    SealAnswer,
    SealQuestion,
)
from .modules import Modules
from .network import Network
from .people.roles import Principal
from .pipelines import Pipelines
from .planning import Planning
from .runs import Runs
from .sealings import Sealings
from .views import JobState, PlanView

__all__ = ["Proposals"]

log = logging.getLogger("coterie.node")

SEAL_SECONDS = 1800.0
"""For which a party may say that it still seals its data."""
SEAL_PAUSE = 1.0
"""Before it is asked again: an answer is waited for where data is sealed, but a peer may not wait."""

ABSENT_PAUSE = 2.0
"""Before a job is proposed anew to who was away."""


class Proposals:
    """Submitting and checking jobs."""

    def __init__(
        self,
        core: Core,
        network: Network,
        agreements: Agreements,
        datasets: Datasets,
        planning: Planning,
        book: JobBook,
        runs: Runs,
        sealings: Sealings,
        kept: Deposits,
        pipelines: Pipelines,
        modules: Modules,
        approving: Approving,
    ) -> None:
        self._core = core
        self._network = network
        self._agreements = agreements
        self._datasets = datasets
        self._planning = planning
        self._book = book
        self._runs = runs
        self._sealings = sealings
        self._deposits = kept
        self._pipelines = pipelines
        self._modules = modules
        self._approving = approving
        self._receiving: dict[str, asyncio.Lock] = {}

    # -- at the initiator

    async def preview(self, text: str) -> PlanView:
        """Plan a job without proposing it; refusals are raised as :meth:`submit` would."""
        proposal, plan, agreement = await self._prepare(parse_spec(text))
        return PlanView(
            job=proposal.job,
            digest=plan.digest,
            summary=plan.summary(),
            document=plan.to_document(),
            privacy=await self._planning.privacy(plan, agreement),
        )

    async def plan(self, job: str) -> PlanView:
        """That of a known job. :raises CoterieError: CT-5050; CT-40xx where it can be planned no more."""
        view, proposal = self._book.plan(job), self._book.proposal(job)
        agreement = self._agreements.get(proposal.agreement)
        if all(dataset.privacy is None for dataset in agreement.terms.datasets):
            return view
        plan = await self._planning.derive(proposal, agreement)
        return view.model_copy(update={"privacy": await self._planning.privacy(plan, agreement)})

    async def submit(self, text: str, by: Principal) -> str:
        """Propose a job; gives its id once every participant has checked it.

        :raises CoterieError: why this or another party refuses it; the job is over then, at everybody.
        """
        return await self._submit(parse_spec(text), by)

    async def again(self, job: str, by: Principal) -> str:
        """Propose a known job once more, as it was written. It goes on where the other broke off, if that can
        be.

        :raises CoterieError: CT-5050, and those of :meth:`submit`.
        """
        return await self._submit(self._book.proposal(job).spec, by)

    async def _submit(self, spec: JobSpec, by: Principal) -> str:
        proposal, plan, agreement = await self._prepare(spec)
        self._approving.submitted(proposal.job, by)
        self._book.add(proposal, plan, agreement.terms)
        await self._record_plan(proposal, plan)
        try:
            await self._propose(proposal, plan, agreement)
        except CoterieError as error:
            await self._refuse(proposal.job, error)
            raise
        return proposal.job

    async def take_up(self) -> None:
        """After a start of the node: propose anew what it had proposed when it stopped."""
        for row in self._book.active():
            if row.state == "proposed" and row.initiator == self._core.name:
                self._core.spawn(f"proposal of job {row.id}", self._take_up(row.id))

    async def _take_up(self, job: str) -> None:
        proposal = self._book.proposal(job)
        agreement = self._agreements.get(proposal.agreement)
        while self._book.state(job) == "proposed":
            try:
                plan = await self._planning.derive(proposal, agreement)
                await self._planning.require(proposal, plan, agreement)
                await self._propose(proposal, plan, agreement)
            except CoterieError as error:
                if is_away(error):  # the job waits for whoever is away, until a person cancels it
                    await asyncio.sleep(ABSENT_PAUSE)
                else:
                    await self._refuse(job, error)
            else:
                return

    async def _refuse(self, job: str, error: CoterieError) -> None:
        state: JobState = "refused" if isinstance(error, NotAgreed | PeerIncompatible) else "failed"
        await self._runs.end(job, state, error)

    async def _propose(self, proposal: Proposal, plan: Plan, agreement: Agreement) -> None:
        """Ask everybody, approve, start if nobody is missing. Who knows the job says what it said."""
        message = Propose(proposal=proposal, plan=plan.to_document())
        others = self._book.others(proposal.job)
        answers = await asyncio.gather(
            *(self._network.ask(peer, message, ProposeAnswer) for peer in others), return_exceptions=True
        )
        for peer, answer in zip(others, answers, strict=True):
            await self._take_answer(peer, answer, plan)
        automatic = mode_of(agreement.terms, self._core.name) == "automatic"
        if automatic and self._core.name not in self._book.approvals(proposal.job):
            await self._approving.approve_own(plan)
        self._runs.try_start(proposal.job)

    async def _prepare(self, spec: JobSpec) -> tuple[Proposal, Plan, Agreement]:
        """The proposal with everybody's facts, its plan, and the agreement, which allows it."""
        if self._core.is_hub:
            raise HUB_HOLDS_NO_DATA(self._core.name)
        agreement = await self._agreements.in_force(spec.agreement)
        if self._core.name not in {*spec.datasets, *spec.receivers}:
            raise NOT_PARTICIPANT(
                f"the job uses no dataset of {self._core.name!r}, nor is it a receiver", party=self._core.name
            )
        if spec.frame == "horizontal":  # before anybody is asked for what such a job has no use for
            check_parties(spec, tuple(sorted(spec.datasets)))
        try:
            self._planning.require_standing(agreement)
        except CoterieError as error:
            await self._core.record_refusal(error, agreement=agreement.id)
            raise
        pipelines = self._pipelines.of_spec(spec)
        modules = self._modules.of_spec(spec, agreement.terms)
        check_kept(spec, self._core.name, agreement.terms.tee.host if agreement.terms.tee else None)
        kept = {name: await self._kept(name, spec.datasets[name], agreement) for name in spec.kept}
        online = {party: name for party, name in spec.datasets.items() if party not in kept}
        asked = [self._facts(party, name, agreement) for party, name in online.items()]
        facts = dict(zip(online, await asyncio.gather(*asked), strict=True))
        facts |= {party: facts_of(record) for party, record in kept.items()}
        sealed: dict[str, DatasetRecord] = {}
        if spec.engine == "tee":
            records = [self._record(party, name, agreement) for party, name in online.items()]
            sealed = dict(zip(online, await asyncio.gather(*records), strict=True)) | kept
        network = await measured(spec, agreement, self._core.name, self._network)
        proposal = propose(spec, agreement.id, self._core.name, facts, network, sealed, pipelines, modules)
        await self._planning.check_modules(proposal, agreement)
        plan = await self._planning.derive(proposal, agreement)
        await self._planning.require(proposal, plan, agreement)
        return proposal, plan, agreement

    async def _facts(self, party: str, name: str, agreement: Agreement) -> DatasetFacts:
        if party == self._core.name:
            return await self._own_facts(party, name, agreement)
        question = FactsQuestion(agreement=agreement.id, dataset=name)
        return (await self._network.ask(party, question, FactsAnswer)).facts

    async def _record(self, party: str, name: str, agreement: Agreement) -> DatasetRecord:
        """The record of a party's sealed data. Sealing a large table takes a while."""
        question = SealQuestion(agreement=agreement.id, dataset=name)
        record: DatasetRecord | None = None
        clock = asyncio.get_running_loop().time
        end = clock() + SEAL_SECONDS
        while record is None:
            if clock() > end:
                raise SEALING_SLOW(f"dataset {name!r} of {party}", party=party)
            if party == self._core.name:
                record = await self._sealings.record(agreement, name)
            else:
                record = (await self._network.ask(party, question, SealAnswer)).record
            if record is None:
                await asyncio.sleep(SEAL_PAUSE)
        return record

    async def _kept(self, party: str, name: str, agreement: Agreement) -> DatasetRecord:
        """The record of data whose key the host's keeper has; that its owner signed it, every plan checks."""
        host = require_tee(agreement.terms).host
        if host == self._core.name:
            found = await asyncio.to_thread(self._deposits.find, agreement.id, f"{party}/{name}")
            return found.record
        question = KeptQuestion(agreement=agreement.id, owner=party, dataset=name)
        return (await self._network.ask(host, question, KeptAnswer)).record

    async def _take_answer(self, peer: str, answer: ProposeAnswer | BaseException, plan: Plan) -> None:
        if isinstance(answer, CoterieError):
            raise answer.at(party=peer)
        if isinstance(answer, BaseException):
            raise answer
        if answer.approval is not None:
            await self._approving.take(peer, answer.approval, plan)

    # -- at the other participants

    async def answer_facts(self, peer: str, question: FactsQuestion) -> FactsAnswer:
        """:raises CoterieError: CT-1622 to CT-1624, CT-5031 to CT-5033, CT-5040."""
        agreement = await self._agreements.in_force(question.agreement)
        self._agreements.check_names(peer, agreement)
        self._planning.require_standing(agreement)
        return FactsAnswer(facts=await self._own_facts(peer, question.dataset, agreement))

    async def answer_seal(self, peer: str, question: SealQuestion) -> SealAnswer:
        """:raises CoterieError: CT-1622 to CT-1624, CT-5031 to CT-5033, CT-5040, and what is wrong with the
        table.
        """
        agreement = await self._agreements.in_force(question.agreement)
        self._agreements.check_names(peer, agreement)
        self._planning.require_standing(agreement)
        require_tee(agreement.terms)  # nobody has data sealed for an agreement that never needs it
        self._core.allowance.take(peer)
        return SealAnswer(record=await self._sealings.record(agreement, question.dataset))

    async def answer_kept(self, peer: str, question: KeptQuestion) -> KeptAnswer:
        """At the host. :raises CoterieError: CT-1622 to CT-1624, CT-5040, CT-5084; those of
        :meth:`Deposits.find`.
        """
        agreement = await self._agreements.in_force(question.agreement)
        self._agreements.check_names(peer, agreement)
        self._planning.require_standing(agreement)
        if require_tee(agreement.terms).host != self._core.name:
            raise NOT_HOST(agreement.terms.name, party=self._core.name)
        self._core.allowance.take(peer)
        return KeptAnswer(record=await self._kept(question.owner, question.dataset, agreement))

    async def _own_facts(self, peer: str, name: str, agreement: Agreement) -> DatasetFacts:
        try:
            facts = self._datasets.facts_for(peer, agreement, name)
            await self._datasets.check_unchanged(name)
        except CoterieError as error:
            raise error.at(party=self._core.name) from None
        return facts

    async def receive(self, peer: str, message: Propose) -> ProposeAnswer:
        """Check a peer's proposal: own facts, own plan, the agreement. A refusal is in the ledger.

        :raises CoterieError: why it is refused.
        """
        self._core.allowance.take(peer)
        proposal = message.proposal
        lock = self._receiving.setdefault(proposal.job, asyncio.Lock())
        try:
            async with lock:
                return await self._receive(peer, message)
        except CoterieError as error:
            # What the agreement refuses is written down where it is decided.
            if not isinstance(error, NotAgreed):
                await self._core.record_refusal(
                    error, job=proposal.job, agreement=proposal.agreement, peer=peer
                )
            raise error.at(party=self._core.name) from None
        finally:
            self._receiving.pop(proposal.job, None)

    async def _receive(self, peer: str, message: Propose) -> ProposeAnswer:
        proposal = message.proposal
        if proposal.initiator != peer:
            raise NOT_INITIATOR(f"{peer!r} proposes for {proposal.initiator!r}", party=peer)
        agreement = await self._agreements.in_force(proposal.agreement, ask=peer)
        mode = mode_of(agreement.terms, self._core.name)
        if self._book.known(proposal.job):
            return self._repeated(peer, proposal, mode)
        await self._planning.check_modules(proposal, agreement)
        self._modules.keep_of(proposal)
        proposal = await self._with_own_facts(proposal, agreement)
        plan = await self._planning.derive(proposal, agreement)
        difference = plan_difference(plan.to_document(), message.plan)
        if difference is not None:
            raise PLAN_DIFFERS(f"{self._core.name} and {peer} differ in {difference}", party=self._core.name)
        if self._core.name not in plan.participants:
            raise NOT_PARTICIPANT(self._core.name, party=self._core.name)
        await self._planning.require(proposal, plan, agreement)
        if plan.host == self._core.name:
            for party in plan.kept:
                record = proposal.sealed[party]
                await asyncio.to_thread(self._deposits.find, agreement.id, record.dataset, record.digest)
        self._book.add(proposal, plan, agreement.terms)
        await self._record_plan(proposal, plan)
        approval = await self._approving.approve_own(plan) if mode == "automatic" else None
        return ProposeAnswer(mode=mode, approval=approval)

    def _repeated(self, peer: str, proposal: Proposal, mode: str) -> ProposeAnswer:
        known = self._book.proposal(proposal.job)
        told = (proposal.spec, proposal.agreement, peer, proposal.modules)
        if (known.spec, known.agreement, known.initiator, known.modules) != told:
            raise PROPOSAL_ALTERED(proposal.job, party=peer)
        approval = self._book.approvals(proposal.job).get(self._core.name)
        return ProposeAnswer.model_validate({"mode": mode, "approval": approval})

    async def _with_own_facts(self, proposal: Proposal, agreement: Agreement) -> Proposal:
        """The proposal with own facts in place of what the initiator says of them."""
        me = self._core.name
        roles = roles_of(proposal, agreement.terms)
        if me in roles.kept:
            raise NOT_PARTICIPANT(f"the key of {me} is kept", party=me)
        if me not in roles.parties:
            if me not in {roles.dealer, roles.host, roles.coordinator, *roles.guests}:
                raise NOT_PARTICIPANT(me, party=me)
            return proposal
        self._pipelines.check(proposal)
        own = await self._own_facts(me, proposal.spec.datasets[me], agreement)
        told = proposal.facts[me]
        difference = plan_difference(own.model_dump(mode="json"), told.model_dump(mode="json"))
        if difference is not None:
            raise PLAN_DIFFERS(f"dataset {own.name!r} of {me}, {difference}", party=me)
        if proposal.spec.engine == "tee":
            record = await self._record(me, own.name, agreement)
            if proposal.sealed.get(me) != record:
                raise PLAN_DIFFERS(f"dataset {own.name!r} of {me}, its sealed form", party=me)
        return proposal.model_copy(update={"facts": {**proposal.facts, me: own}})

    async def _record_plan(self, proposal: Proposal, plan: Plan) -> None:
        body = {
            "job": proposal.job,
            "name": proposal.spec.name,
            "agreement": proposal.agreement,
            "initiator": proposal.initiator,
            "participants": list(plan.participants),
            "plan": plan.digest,
            "learns": plan.summary()["learns"],
        }
        await self._core.record("plan", body)
