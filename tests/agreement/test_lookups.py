"""The section ``lookups``: who may look ids up where. Agreements without it are what they were."""

from __future__ import annotations

import json

import pytest

from coterie.agreement import Agreement, Terms, compare, draft
from coterie.crypto import Identity, canonical
from coterie.errors import CoterieError
from tests.agreement.conftest import DRAFT

SECTION = """\
lookups:
  - {dataset: DATASET, owner: OWNER, to: [ASKER], max_ids: 1000, per_minute: 60}
"""


@pytest.fixture
def section(terms: Terms) -> str:
    dataset = terms.datasets[0]
    asker = next(name for name in terms.parties if name != dataset.owner)
    return SECTION.replace("DATASET", dataset.name).replace("OWNER", dataset.owner).replace("ASKER", asker)


def test_terms_without_the_section_are_signed_as_they_always_were(terms: Terms) -> None:
    plain = json.loads(terms.canonical())
    assert "lookups" not in plain
    assert Terms.model_validate(plain | {"lookups": ()}).id == terms.id
    with pytest.raises(CoterieError, match="CT-1602"):
        Agreement.from_bytes(canonical({"terms": plain | {"lookups": []}, "signatures": {}}))


def test_the_section_is_signed(section: str, people: dict[str, Identity], keys: dict[str, str]) -> None:
    terms = draft(DRAFT + section, keys)
    agreement = Agreement(terms=terms)
    for name in terms.parties:
        agreement = agreement.sign(people[name], keys)
    assert Agreement.from_bytes(agreement.to_bytes()) == agreement
    for field, value in (("max_ids", 1001), ("per_minute", 61)):
        other = json.loads(agreement.to_bytes())
        other["terms"]["lookups"][0][field] = value
        with pytest.raises(CoterieError, match="CT-1621"):
            Agreement.from_bytes(canonical(other)).verify()


def test_it_says_who_may_ask(section: str, keys: dict[str, str]) -> None:
    terms = draft(DRAFT + section, keys)
    dataset = terms.datasets[0]
    found = terms.lookup(dataset.owner, dataset.name)
    assert found is not None
    assert (found.lookups, len(found.to)) == (1000, 1)
    assert terms.lookup(dataset.owner, "another") is None
    assert terms.lookup(found.to[0], dataset.name) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dataset: ", "dataset: not"),
        ("to: [", "to: [nobody, "),
        ("to: [", "to: ["),
        ("max_ids: 1000", "max_ids: 0"),
        ("max_ids: 1000", "max_ids: many"),
        ("per_minute: 60", "per_minute: 1.5"),
        (", per_minute: 60", ""),
        ("per_minute: 60", "per_minute: 60, free: true"),
    ],
)
def test_a_section_that_does_not_fit(section: str, keys: dict[str, str], old: str, new: str) -> None:
    changed = section.replace(old, new)
    if changed == section:  # who owns it cannot be who asks, and nobody asks twice
        start, end = section.index("to: [") + 5, section.index("]")
        changed = section[:end] + ", " + section[start:end] + section[end:]
    with pytest.raises(CoterieError, match="CT-1601"):
        draft(DRAFT + changed, keys)


def test_owners_ask_nobody_and_a_dataset_is_listed_once(
    section: str, terms: Terms, keys: dict[str, str]
) -> None:
    owner, start = terms.datasets[0].owner, section.index("to: [") + 5
    own = section[:start] + owner + section[section.index("]") :]
    twice = section + section.splitlines()[1] + "\n"
    for changed in (own, twice):
        with pytest.raises(CoterieError, match="CT-1601"):
            draft(DRAFT + changed, keys)


def test_differences_are_told(section: str, terms: Terms, keys: dict[str, str]) -> None:
    with_lookups = draft(DRAFT + section, keys)
    other = draft(DRAFT + section.replace("1000", "2000"), keys)
    assert any("max_ids" in one for one in compare(with_lookups, other))
    assert any("lookups in" in one for one in compare(terms, with_lookups))
