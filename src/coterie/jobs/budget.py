"""What a job costs of the privacy budgets of its datasets, read off the plan alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from coterie.agreement import PrivacyTerms, RequestedPrivacy, Terms
from coterie.fl import Spend, epsilon_of
from coterie.learn import StepPlan, spends_of

from .plan import Plan

__all__ = ["Budgeted", "budgeted", "requested_privacy", "spent_by"]

Budgeted = tuple[str, str]
"""Owner and name of a dataset with a privacy budget."""

SURE = frozenset({"plan", "stack", "clip"})
"""Components without noise that no single row can make fail (and the stages' own step): whoever knows why a
job failed would learn of that row. ``derive`` divides by what a row may be, ``cast`` may not read it; what is
not here is refused."""


def budgeted(plan: Plan, terms: Terms) -> dict[Budgeted, PrivacyTerms]:
    """The job's datasets that have a privacy budget."""
    used = {(party, data.dataset): terms.dataset(party, data.dataset) for party, data in plan.data.items()}
    return {key: one.privacy for key, one in used.items() if one is not None and one.privacy is not None}


def spent_by(plan: Plan, behind: Collection[str] = ()) -> tuple[Spend, ...]:
    """What the job costs everybody in its datasets.

    :param behind: steps that an earlier attempt has done: they cost nothing again.
    """
    return tuple(spend for step in plan.steps if step.step not in behind for spend in spends_of(step))


def requested_privacy(
    plan: Plan,
    terms: Terms,
    spent: Mapping[Budgeted, Sequence[Spend]],
    behind: Collection[str] = (),
) -> tuple[RequestedPrivacy, ...]:
    """What the agreement is to judge of each dataset with a budget.

    :param spent: what jobs, and attempts at this one, have cost before.
    :param behind: steps that an earlier attempt has done.

    Errors: CT-2431 where there is a budget, and nothing here to account with.
    """
    own = spent_by(plan, behind)
    bare = tuple(step.step for step in plan.steps if _is_bare(step))
    found = []
    for key, budget in budgeted(plan, terms).items():
        epsilon = epsilon_of((*spent.get(key, ()), *own), budget.delta, budget.unit)
        found.append(RequestedPrivacy(owner=key[0], name=key[1], epsilon=epsilon, bare=bare))
    return tuple(found)


def _is_bare(step: StepPlan) -> bool:
    """Whether it shows or gives anything of rows that is not made of totals with noise, or may tell of single
    rows by failing."""
    if not step.private and step.component not in SURE:
        return True
    if any(total.noise is None for total in step.totals):
        return True
    return not step.private and bool(step.reveals or step.results or step.totals or step.disclosed)
