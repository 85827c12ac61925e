"""What plans say of the data that a job uses: from the facts of its datasets, and the agreement's grants."""

from __future__ import annotations

from dataclasses import dataclass

from coterie.agreement import Terms
from coterie.data import ColumnType, id_names
from coterie.learn import EACH
from coterie.mpc import Network

from .proposal import Proposal, Roles

__all__ = ["PlannedData", "data_of", "network_of", "types_of"]


@dataclass(frozen=True)
class PlannedData:
    """What a job uses of one party's data. A part of what is approved: scores of a model with but one column
    of a party show that column."""

    dataset: str
    rows: int
    id: str | tuple[str, ...]
    columns: tuple[str, ...]
    """Features, in model order."""
    label: str | None


def network_of(proposal: Proposal) -> Network | None:
    """The line between participants, as the initiator measured it."""
    facts = proposal.network
    return Network(facts.latency, facts.bandwidth) if facts else None


def types_of(proposal: Proposal, terms: Terms) -> dict[str, dict[str, ColumnType]]:
    """Declared types of the columns that the agreement grants, as its owner's node tells no others; of
    horizontal jobs those that all have."""
    types: dict[str, dict[str, ColumnType]] = {}
    for party, facts in proposal.facts.items():
        granted = terms.dataset(party, facts.name)
        names = () if granted is None else (*id_names(granted.id), granted.label, *granted.columns)
        types[party] = {column.name: column.type for column in facts.columns if column.name in names}
    if proposal.spec.frame == "horizontal":
        return {EACH: types[min(types)]}
    return types


def data_of(party: str, proposal: Proposal, roles: Roles) -> PlannedData:
    """What the job uses of a party's data."""
    facts = proposal.facts[party]
    label = roles.label if party in roles.labelling else None
    return PlannedData(facts.name, facts.rows, facts.id_names, tuple(roles.columns[party]), label)
