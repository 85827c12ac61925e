"""The services of a node, put together."""

from __future__ import annotations

from dataclasses import dataclass

from coterie.crypto import now, timestamp

from . import messages
from .agreements import Agreements
from .approving import Approving
from .attested import Attested
from .begins import Begins
from .core import VERSION, Core
from .datasets import Datasets
from .dealings import Dealings
from .doctor import Doctor
from .holdings import Holdings
from .introductions import Introductions
from .jobbook import JobBook
from .keeping import Keeping
from .keyring.revoking import Revoking
from .looking import Looking
from .lookups import Lookups
from .modules import Modules
from .network import Network
from .outbox import Outbox
from .people.service import People
from .pipelines import Pipelines
from .planning import Planning
from .privacy import Budgets
from .proposals import Proposals
from .ready import Readiness
from .runs import Runs
from .schemas import Schemas
from .sealings import Sealings
from .tapes import Tapes
from .tokens import Tokens
from .unfinished import UnfinishedSteps
from .watching.known import Known
from .watching.metrics import Metrics
from .watching.stalls import Stalls
from .watching.tallies import Tallies
from .watching.traces import Traces

__all__ = ["Services"]


@dataclass(frozen=True)
class Services:
    """What the API and the peers reach."""

    core: Core
    network: Network
    outbox: Outbox
    tokens: Tokens
    people: People
    introductions: Introductions
    datasets: Datasets
    agreements: Agreements
    book: JobBook
    pipelines: Pipelines
    modules: Modules
    proposals: Proposals
    approving: Approving
    runs: Runs
    holdings: Holdings
    keeping: Keeping
    tapes: Tapes
    lookups: Lookups
    looking: Looking
    schemas: Schemas
    dealings: Dealings
    unfinished: UnfinishedSteps
    revoking: Revoking
    doctor: Doctor
    readiness: Readiness
    stalls: Stalls
    metrics: Metrics
    traces: Traces | None

    @classmethod
    def of(cls, core: Core) -> Services:
        """All services on one core, answering peers. :raises CoterieError: CT-5068."""
        tokens = Tokens(core.store, core.home.token_file.read_text(encoding="ascii").strip())
        people = People(core, tokens)
        network = Network(core)
        outbox = Outbox(core, network)
        datasets = Datasets(core)
        budgets = Budgets(core)
        modules = Modules(core)
        agreements = Agreements(core, network, outbox, budgets, modules, datasets, people.consents)
        planning = Planning(core, agreements, budgets)
        book = JobBook(core)
        tapes = Tapes(core, agreements, book)
        sealings = Sealings(core, datasets, book.uses_record)
        attested = Attested(core, agreements, planning, book, sealings)
        pipelines = Pipelines(core, book)
        begins = Begins(core, agreements, datasets, book, attested, pipelines)
        runs = Runs(core, network, outbox, agreements, planning, book, tapes, begins, attested, budgets)
        runs.closing.before_done = pipelines.keep
        holdings = Holdings(core, outbox, agreements, book, sealings)
        unfinished = UnfinishedSteps(core, agreements)
        schemas = Schemas(core, network, datasets)

        async def revoked(agreement: str) -> None:
            await runs.agreement_revoked(agreement)
            await holdings.agreement_ended(agreement, "the agreement was revoked")
            await attested.agreement_revoked(agreement)
            await unfinished.agreement_ended(agreement)

        agreements.on_revoked = revoked
        known, wanted = Known(book), core.home.settings.traces
        tallies = Tallies(known)
        core.on_entry.append(tallies.entry)
        traces = Traces(core.home.path, wanted, core.name, known) if wanted.endpoint else None
        if traces is not None:
            core.on_entry.append(traces.entry)
        core.store.took = tallies.store.add
        readiness = Readiness(core, network)
        approving = Approving(core, outbox, agreements, planning, book, runs, people.consents)
        made = cls(
            core=core,
            network=network,
            outbox=outbox,
            tokens=tokens,
            people=people,
            introductions=Introductions(core, network, book),
            datasets=datasets,
            agreements=agreements,
            book=book,
            pipelines=pipelines,
            modules=modules,
            proposals=Proposals(
                core,
                network,
                agreements,
                datasets,
                planning,
                book,
                runs,
                sealings,
                attested.kept,
                pipelines,
                modules,
                approving,
            ),
            approving=approving,
            runs=runs,
            holdings=holdings,
            keeping=Keeping(core, agreements, sealings, attested),
            tapes=tapes,
            lookups=Lookups(core, agreements, datasets),
            looking=Looking(core, network, agreements),
            schemas=schemas,
            dealings=Dealings(core, agreements, planning),
            unfinished=unfinished,
            revoking=Revoking(core, runs, schemas),
            doctor=Doctor(core, network),
            readiness=readiness,
            stalls=Stalls(core, outbox, book, runs.end),
            traces=traces,
            metrics=Metrics(core, network, book, runs, readiness, people.refusals, tallies),
        )
        made._answer_peers()
        return made

    def _answer_peers(self) -> None:
        network = self.network
        network.answer(messages.Hello, self._hello)
        network.answer(messages.AgreementPush, self.agreements.receive)
        network.answer(messages.AgreementPull, self._agreement)
        network.answer(messages.FactsQuestion, self.proposals.answer_facts)
        network.answer(messages.LookupQuestion, self.lookups.answer)
        network.answer(messages.SchemaQuestion, self.schemas.answer)
        network.answer(messages.SealQuestion, self.proposals.answer_seal)
        network.answer(messages.KeptQuestion, self.proposals.answer_kept)
        network.answer(messages.SealedDrop, self.holdings.receive_drop)
        network.answer(messages.SealedDropped, self.holdings.receive_dropped)
        network.answer(messages.Propose, self.proposals.receive)
        network.answer(messages.ApprovalPush, self.approving.receive)
        network.answer(messages.JobPlace, self.runs.places.receive)
        network.answer(messages.JobStart, self.runs.receive_start)
        network.answer(messages.JobBroke, self.runs.resuming.receive_broke)
        network.answer(messages.JobStand, self.runs.resuming.receive_stand)
        network.answer(messages.JobAgain, self.runs.resuming.receive_again)
        network.answer(messages.JobProgress, self.runs.telling.receive)
        network.answer(messages.JobStalled, self.stalls.receive)
        network.answer(messages.JobEnd, self.runs.receive_end)
        network.answer(messages.JobQuestion, self.runs.answer_question)
        network.answer(messages.HeadOffer, self.runs.closing.answer_head)

    async def _hello(self, _peer: str, _request: messages.Hello) -> messages.HelloAnswer:
        core = self.core
        role = core.home.settings.role
        return messages.HelloAnswer(name=core.name, role=role, version=VERSION, time=timestamp(now()))

    async def _agreement(self, peer: str, request: messages.AgreementPull) -> messages.AgreementPush:
        return self.agreements.answer_pull(peer, request)
