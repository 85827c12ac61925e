"""Jobs whose parties have the same columns of different rows: what must be equal, and who adds up."""

from __future__ import annotations

from collections.abc import Mapping

from coterie.agreement import COLUMN_NOT_GRANTED, COORDINATOR_NOT_NAMED, DatasetTerms, Terms
from coterie.data import Column, DatasetFacts
from coterie.fl import Rules
from coterie.learn import EACH

from .errors import COLUMN_UNKNOWN, DATASETS_INVALID, HORIZONTAL_IN_TEE, SCHEMAS_DIFFER, TOO_FEW_CONTRIBUTE
from .spec import JobSpec

__all__ = ["FEWEST", "check_parties", "colluding_of", "coordinator_of", "same_columns"]

FEWEST = 3
"""Parties of a sum. Of two each would learn the other's part: the total less its own."""


def check_parties(spec: JobSpec, parties: tuple[str, ...]) -> None:
    """Errors: CT-4044, CT-4045."""
    if spec.engine == "tee":
        raise HORIZONTAL_IN_TEE("it says `frame: horizontal`")
    if spec.engine == "fl" and len(parties) < FEWEST:
        raise TOO_FEW_CONTRIBUTE(f"{len(parties)} have a dataset in it, {FEWEST} are needed")


def coordinator_of(spec: JobSpec, terms: Terms, parties: tuple[str, ...]) -> str | None:
    """Who adds up in engine fl: whom the job names, else whom the agreement does, else its dealer, else the
    first party with data. None in other engines.

    A job can name one of its parties with data, or whom the agreement names for it or as its dealer.

    :raises CoterieError: CT-1641.
    """
    if spec.engine != "fl":
        return None
    agreed = [name for name in (terms.coordinator, terms.dealer) if name is not None]
    if spec.coordinator is None:
        return agreed[0] if agreed else parties[0]
    if spec.coordinator not in (*agreed, *parties):
        raise COORDINATOR_NOT_NAMED(f"'{spec.coordinator}'")
    return spec.coordinator


def same_columns(
    spec: JobSpec, terms: Terms, facts: Mapping[str, DatasetFacts], label: str | None = None
) -> tuple[tuple[str, ...], str, bool]:
    """Feature columns and label, which every party's dataset has, by names and types; in the order of the
    job, or else of the first party's dataset in the agreement. Ids are not compared: their columns may
    differ. And whether the label is there.

    :param facts: of the parties in their order.
    :param label: that of the saved pipelines that the job uses, where the datasets have none.
    :raises CoterieError: CT-1628, CT-4004, CT-4005, CT-4046.
    """
    granted = {party: _granted(spec, terms, party, one) for party, one in facts.items()}
    first = next(iter(granted))
    wanted = spec.columns.get(EACH)
    features = wanted or tuple(granted[first].columns)
    own = granted[first].label
    label = own or label
    if label is None:
        raise SCHEMAS_DIFFER(f"dataset '{granted[first].name}' of {first} has no label", party=first)
    if len(set(features)) != len(features):
        raise COLUMN_UNKNOWN("a column is named twice")
    for party, terms_of in granted.items():
        lacking = [name for name in features if name not in terms_of.columns]
        if lacking and wanted:
            raise COLUMN_NOT_GRANTED(f"'{lacking[0]}' of {party}", party=party)
        if lacking:
            raise SCHEMAS_DIFFER(f"'{lacking[0]}' of {first} is no column of {party}", party=party)
        more = [name for name in terms_of.columns if name not in features]
        if more and not wanted:
            raise SCHEMAS_DIFFER(f"'{more[0]}' of {party} is no column of {first}", party=party)
        if terms_of.label != own:
            raise SCHEMAS_DIFFER(
                f"the label is {_named(own)} at {first}, {_named(terms_of.label)} at {party}", party=party
            )
        _check_types(first, party, facts, features if own is None else (*features, own))
    return features, label, own is not None


def _named(label: str | None) -> str:
    return "not there" if label is None else f"'{label}'"


def _granted(spec: JobSpec, terms: Terms, party: str, facts: DatasetFacts) -> DatasetTerms:
    name = spec.datasets[party]
    granted = terms.dataset(party, name)
    if granted is None:
        raise DATASETS_INVALID(f"the agreement does not list dataset {name!r} of {party!r}", party=party)
    if (facts.name, facts.owner) != (name, party):
        raise DATASETS_INVALID(f"the facts are not those of dataset {name!r} of {party!r}", party=party)
    return granted


def _check_types(first: str, party: str, facts: Mapping[str, DatasetFacts], columns: tuple[str, ...]) -> None:
    """Errors: CT-4005, CT-4046."""
    known = {who: {one.name: one for one in facts[who].columns} for who in (first, party)}
    for name in columns:
        one, other = (_column(who, facts[who], known[who].get(name), name) for who in (first, party))
        if one.type != other.type:
            raise SCHEMAS_DIFFER(f"'{name}' is {one.type} at {first}, {other.type} at {party}", party=party)


def _column(party: str, facts: DatasetFacts, found: Column | None, name: str) -> Column:
    if found is None or found.role == "id":
        raise COLUMN_UNKNOWN(
            f"{name!r} is agreed but not in dataset {facts.name!r} of {party!r}",
            party=party,
            next_step=f"Have {party} register the dataset with that column, spelled so, or agree without it.",
        )
    return found


def colluding_of(terms: Terms, parties: int, minimum: int | None) -> int | None:
    """Parties that may collude, for noise to be enough against them: the most that any privacy budget asks
    for; None for as many as sums allow.

    :param parties: of the job. :param minimum: that every sum has, where not all.
    """
    asked = [one.privacy.colluding for one in terms.datasets if one.privacy is not None]
    known = [one for one in asked if one is not None]
    if not known or parties < FEWEST:
        return None
    if len(known) < len(asked):
        known.append(Rules.of(parties, minimum or parties, complete=True).colluding)
    return max(known)
