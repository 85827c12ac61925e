"""What jobs have cost of the privacy budgets of their datasets.

The ledger has an entry for each job that has cost anything, written before its worker is started, and another
for each further attempt, which draws new noise for all that it repeats: so what
runs at once is counted, and what a job was to show is spent, whatever became of it. There is no other record:
a store that was lost gives nothing back. Every participant keeps the account of all datasets of the job; the
owner of a dataset has been in every job on it, so that its own is complete.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from coterie.agreement import PRIVACY_USED_UP, PrivacyTerms, Terms
from coterie.errors import CoterieError
from coterie.fl import Spend, epsilon_of
from coterie.jobs import Budgeted, Plan, budgeted, requested_privacy, spent_by

from .core import Core
from .privacy_views import PlanPrivacyView, PrivacyView

__all__ = ["Budgets"]

_Account = dict[str, dict[str, tuple[tuple[Budgeted, ...], tuple[Spend, ...]]]]
"""By agreement, then by job."""


class Budgets:
    """The account of each dataset under each agreement."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._spent: _Account | None = None
        """Read from the ledger once."""
        self._reading = threading.Lock()
        self._taking = asyncio.Lock()

    def spent(self, agreement: str, but: str | None = None) -> dict[Budgeted, tuple[Spend, ...]]:
        """What all jobs under the agreement have cost, but one. :raises CoterieError: CT-1302, CT-2432."""
        found: dict[Budgeted, tuple[Spend, ...]] = {}
        for job, (datasets, spends) in self._known().get(agreement, {}).items():
            for key in datasets if job != but else ():
                found[key] = (*found.get(key, ()), *spends)
        return found

    async def take(self, job: str, plan: Plan, terms: Terms, attempt: int, behind: Collection[str]) -> None:
        """Count an attempt at a job that is about to start; when this returns, it is in the ledger. Jobs that
        start at once have all seen the same left until here.

        :param behind: the steps that an earlier attempt has done.

        :raises CoterieError: CT-1656 (nothing is counted then), CT-1303, CT-2431.
        """
        budgets, spends = budgeted(plan, terms), spent_by(plan, behind)
        if not budgets or not spends:
            return
        async with self._taking:
            before = await asyncio.to_thread(self.spent, plan.agreement, None if attempt else job)
            for one in await asyncio.to_thread(requested_privacy, plan, terms, before, behind):
                budget = budgets[one.owner, one.name]
                if not one.epsilon <= budget.epsilon:
                    told = f"epsilon {one.epsilon:.4g} of {budget.epsilon:g}, dataset '{one.name}'"
                    raise PRIVACY_USED_UP(f"{told} of '{one.owner}'", party=self._core.name)
            body = {
                "event": "spent",
                "job": job,
                **({"attempt": attempt} if attempt else {}),
                "agreement": plan.agreement,
                "datasets": [list(key) for key in budgets],
                "spends": [spend.to_dict() for spend in spends],
            }
            await self._core.record("privacy", body)
            _add(self._known(), plan.agreement, job, tuple(budgets), spends)

    def planned(self, plan: Plan, terms: Terms) -> tuple[PlanPrivacyView, ...]:
        """What a job would cost of each budget. :raises CoterieError: CT-1302, CT-2432."""
        budgets, own = budgeted(plan, terms), spent_by(plan)
        before = self.spent(plan.agreement, but=plan.job) if budgets else {}
        views = []
        for key, budget in budgets.items():
            views.append(
                PlanPrivacyView(
                    owner=key[0],
                    dataset=key[1],
                    unit=budget.unit,
                    epsilon=budget.epsilon,
                    delta=budget.delta,
                    cost=_epsilon(own, budget),
                    together=_epsilon((*before.get(key, ()), *own), budget),
                )
            )
        return tuple(views)

    def views(self, agreement: str, terms: Terms) -> tuple[PrivacyView, ...]:
        """Where each budget of an agreement stands."""
        private = [one for one in terms.datasets if one.privacy is not None]
        if not private:
            return ()
        jobs = self._known().get(agreement, {})
        views = []
        for dataset in private:
            budget, key = dataset.privacy, (dataset.owner, dataset.name)
            assert budget is not None
            spends = [one for keys, costs in jobs.values() if key in keys for one in costs]
            views.append(
                PrivacyView(
                    agreement=terms.name,
                    owner=dataset.owner,
                    dataset=dataset.name,
                    unit=budget.unit,
                    epsilon=budget.epsilon,
                    delta=budget.delta,
                    spent=_epsilon(spends, budget),
                    jobs=sum(key in keys for keys, _ in jobs.values()),
                )
            )
        return tuple(views)

    def _known(self) -> _Account:
        with self._reading:
            if self._spent is None:
                read: _Account = {}
                for entry in self._core.ledger.entries("privacy"):
                    body: Mapping[str, Any] = entry.body
                    if body.get("event") == "spent":
                        keys = tuple((str(owner), str(name)) for owner, name in body["datasets"])
                        spends = tuple(Spend.read(one) for one in body["spends"])
                        _add(read, str(body["agreement"]), str(body["job"]), keys, spends)
                self._spent = read
            return self._spent


def _add(
    account: _Account, agreement: str, job: str, keys: tuple[Budgeted, ...], spends: tuple[Spend, ...]
) -> None:
    """Attempts at one job add up."""
    jobs = account.setdefault(agreement, {})
    jobs[job] = (keys, (*jobs.get(job, (keys, ()))[1], *spends))


def _epsilon(spends: Sequence[Spend], budget: PrivacyTerms) -> float | None:
    """None where there is nothing here to account with: the budget is to be seen all the same."""
    try:
        return epsilon_of(spends, budget.delta, budget.unit) if spends else 0.0
    except CoterieError:
        return None
