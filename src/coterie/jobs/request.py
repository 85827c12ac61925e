"""What a job asks of its agreement, read off the proposal and the plan."""

from __future__ import annotations

from typing import Any

from coterie.agreement import Request, RequestedDataset, RequestedStep, Terms

from .plan import Plan
from .proposal import Proposal, roles_of
from .registry import default_parameters, parameters

__all__ = ["request_of"]


def request_of(proposal: Proposal, plan: Plan, terms: Terms) -> Request:
    """The request that :func:`coterie.agreement.decide` judges.

    :raises CoterieError: CT-40xx where the proposal does not fit the terms' shape at all.
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
        datasets=tuple(datasets),
        steps=tuple(steps),
        results=results,
        guests=roles.guests,
    )
