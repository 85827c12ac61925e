"""Derive a plan and hold it against the agreement: the same at proposal and, once more, at the start."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from coterie.agreement import Agreement, decide, standing
from coterie.crypto import now
from coterie.errors import UNEXPECTED, CoterieError, NotAgreed
from coterie.jobs import (
    Plan,
    Proposal,
    check_modules,
    derive_plan,
    environment_of,
    manifest_of,
    request_of,
)
from coterie.tee import SIMULATED_REFUSED, Roots, bubblewrap

from .agreements import Agreements
from .core import Core
from .failures import log_unexpected
from .privacy import Budgets
from .privacy_views import PlanPrivacyView

__all__ = ["Planning"]


class Planning:
    """Plans are derived in threads: tracing a long program takes seconds."""

    def __init__(self, core: Core, agreements: Agreements, budgets: Budgets) -> None:
        self._core = core
        self._agreements = agreements
        self._budgets = budgets
        # Threads of its own: a peer's proposals, however long they take, hold up nothing but other proposals.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="planning")
        self._known: deque[tuple[Proposal, str, Plan]] = deque(maxlen=16)

    async def derive(self, proposal: Proposal, agreement: Agreement) -> Plan:
        """The plan; one that was derived of the same proposal and terms just now is not derived again.

        :raises CoterieError: CT-40xx and the components' own. What is not agreed is in the ledger then.
        """
        for known, terms, plan in self._known:
            if (known, terms) == (proposal, agreement.id):
                return plan
        try:
            loop = asyncio.get_running_loop()
            plan = await loop.run_in_executor(self._threads, derive_plan, proposal, agreement.terms)
        except CoterieError as error:
            error.at(party=self._core.name)
            if isinstance(error, NotAgreed):
                await self._core.record_refusal(error, job=proposal.job, agreement=agreement.id)
            raise
        except Exception as error:
            log_unexpected(f"planning {proposal.job}", error)
            raise UNEXPECTED(f"{type(error).__name__} while planning", party=self._core.name) from error
        self._known.append((proposal, agreement.id, plan))
        return plan

    async def check_modules(self, proposal: Proposal, agreement: Agreement) -> None:
        """Users' modules, before anything else is done with a proposal: each is the agreed one, and this
        party can hold it, where its data is in the job.

        :raises CoterieError: CT-1650, CT-1651, CT-4060 to CT-4062, CT-2285. A refusal is in the ledger.
        """
        try:
            check_modules(proposal, agreement.terms)
        except CoterieError as error:
            if isinstance(error.at(party=self._core.name), NotAgreed):
                await self._core.record_refusal(error, job=proposal.job, agreement=agreement.id)
            raise
        if proposal.modules and self._core.name in proposal.spec.datasets:
            bubblewrap()

    def require_standing(self, agreement: Agreement) -> None:
        """Dates and revocations alone. :raises CoterieError: CT-1622 to CT-1624."""
        revocations = self._agreements.revocations(agreement.id)
        try:
            standing(agreement.terms, now=now(), revocations=revocations).require()
        except CoterieError as error:
            raise error.at(party=self._core.name) from None

    async def require(self, proposal: Proposal, plan: Plan, agreement: Agreement) -> None:
        """The agreement's answer now, with its signatures, dates, revocations and runs.

        :raises CoterieError: CT-16xx, with every reason in the detail; in engine tee also where no manifest
            comes of the proposal (CT-4030, CT-2270), and CT-2233 where simulated platforms do not count here;
            CT-2431. It is in the ledger then.
        """
        self._core.require_keys(agreement.terms)
        revocations = self._agreements.revocations(agreement.id)
        runs, keys = self._agreements.runs_used(agreement.id, but=proposal.job), self._core.keys()

        def ask() -> None:
            budget = any(dataset.privacy is not None for dataset in agreement.terms.datasets)
            spent = self._budgets.spent(agreement.id, but=proposal.job) if budget else {}
            request = request_of(proposal, plan, agreement.terms, spent)
            answer = decide(agreement, request, now=now(), runs_used=runs, revocations=revocations, keys=keys)
            answer.require()
            if proposal.spec.engine == "tee":
                # Grants will name it: nobody approves where there is none.
                assurance = manifest_of(proposal, plan, agreement.terms).assurance
                self._count_simulation(assurance == "simulated", "runs")
            dealer = environment_of(proposal.spec, agreement.terms)
            if dealer is not None:
                self._count_simulation(set(dealer.types) <= set(dealer.simulated), "dealings")

        try:
            await asyncio.to_thread(ask)
        except CoterieError as error:
            error.at(party=self._core.name)
            await self._core.record_refusal(error, job=proposal.job, agreement=agreement.id)
            raise

    async def privacy(self, plan: Plan, agreement: Agreement) -> tuple[PlanPrivacyView, ...]:
        """What a job would cost of privacy budgets."""
        return await asyncio.to_thread(self._budgets.planned, plan, agreement.terms)

    def _count_simulation(self, simulated: bool, what: str) -> None:
        """Refuse what rests on simulated platforms alone, where none count: before anybody waits for it."""
        profile = self._core.home.settings.profile
        if simulated and not Roots(profile=profile).accepts_simulated:
            raise SIMULATED_REFUSED(f"under the profile {profile} no part is taken in simulated {what}")
