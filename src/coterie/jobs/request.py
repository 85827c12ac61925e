"""What a job asks of its agreement, read off the proposal and the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coterie.agreement import Request, RequestedDataset, RequestedStep, Terms
from coterie.fl import Spend

from .budget import Budgeted, requested_privacy
from .modules import requested_modules
from .plan import Plan
from .proposal import Proposal, roles_of
from .registry import default_parameters, parameters

__all__ = ["request_of"]


def request_of(
    proposal: Proposal,
    plan: Plan,
    terms: Terms,
    spent: Mapping[Budgeted, Sequence[Spend]] | None = None,
) -> Request:
    """The request that :func:`coterie.agreement.decide` judges.

    :param spent: what jobs before this one have cost, of each dataset with a privacy budget.
    :raises CoterieError: CT-40xx where the proposal does not fit the terms' shape at all; CT-2431 where there
        is a privacy budget, and nothing here to account with.
    """
    roles = roles_of(proposal, terms)
    results: dict[Any, tuple[str, ...]] = {}
    for planned in plan.steps:
        for kind, receivers in planned.results.items():
            results[kind] = tuple(sorted({*results.get(kind, ()), *receivers}))
        for reveal in planned.reveals:
            if reveal.kind is not None:
                results[reveal.kind] = tuple(sorted({*results.get(reveal.kind, ()), *reveal.to}))
    datasets = []
    for party in roles.parties:
        facts = proposal.facts[party]
        label = roles.label if party in roles.labelling else None
        datasets.append(
            RequestedDataset(
                name=facts.name,
                owner=party,
                id=facts.id_names,
                columns=roles.columns[party],
                label=label,
                rows=facts.distinct,
            )
        )
    steps = []
    for step in proposal.spec.steps:
        chosen = parameters(step).model_dump(mode="json")
        defaults = default_parameters(step.component)
        steps.append(RequestedStep(component=step.component, params=chosen, defaults=defaults))
    return Request(
        agreement=proposal.agreement,
        submitter=proposal.initiator,
        engine=proposal.spec.engine,
        parties=roles.parties,
        dealer=roles.dealer,
        coordinator=roles.coordinator,
        minimum=plan.minimum,
        datasets=tuple(datasets),
        steps=tuple(steps),
        results=results,
        guests=roles.guests,
        modules=requested_modules(proposal),
        privacy=requested_privacy(plan, terms, spent or {}),
    )
