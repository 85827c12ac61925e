"""The section ``dealer_tee``: what a dealer must deal in. Agreements without it are what they were."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coterie.agreement import Agreement, Terms, compare, draft
from coterie.crypto import Identity, canonical
from coterie.errors import CoterieError
from tests.agreement.conftest import DRAFT

ROOT = "cd" * 32
SECTION = """\
dealer_tee:
  platform: {types: [sim], simulated: true, chips: any}
  measurements: {sim: [{measurement: "MEASURED"}]}
  simulated_roots: [ROOT]
""".replace("MEASURED", "ab" * 48).replace("ROOT", ROOT)
WITH = DRAFT + SECTION


@pytest.fixture
def attested(keys: dict[str, str]) -> Terms:
    return draft(WITH, keys)


def test_terms_without_the_section_are_signed_as_they_always_were(terms: Terms) -> None:
    plain = json.loads(terms.canonical())
    assert "dealer_tee" not in plain
    assert Terms.model_validate(plain | {"dealer_tee": None}).id == terms.id
    with pytest.raises(CoterieError, match="CT-1602"):
        Agreement.from_bytes(canonical({"terms": plain | {"dealer_tee": None}, "signatures": {}}))


def test_the_section_is_signed(attested: Terms, people: dict[str, Identity], keys: dict[str, str]) -> None:
    agreement = Agreement(terms=attested)
    for name in attested.parties:
        agreement = agreement.sign(people[name], keys)
    assert Agreement.from_bytes(agreement.to_bytes()) == agreement
    for field, value in (
        ("simulated_roots", ["ef" * 32]),
        ("measurements", {"sim": [{"measurement": "00"}]}),
    ):
        other = json.loads(agreement.to_bytes())
        other["terms"]["dealer_tee"][field] = value
        with pytest.raises(CoterieError, match="CT-1621"):
            Agreement.from_bytes(canonical(other)).verify()
    without = json.loads(agreement.to_bytes())
    del without["terms"]["dealer_tee"]
    with pytest.raises(CoterieError, match="CT-1621"):
        Agreement.from_bytes(canonical(without)).verify()


WRONG: list[tuple[str, str]] = [
    ("dealer: hub\n", ""),
    ("simulated: true, ", ""),
    ("types: [sim]", "types: [sim, snp]"),
    ("types: [sim], simulated: true", "types: []"),
    (f"[{ROOT}]", "[cd]"),
    ("  simulated_roots", "  host: hub\n  simulated_roots"),
    ("chips: any", "chips: any, debug: true"),
]


@pytest.mark.parametrize(("old", "new"), WRONG)
def test_a_section_that_does_not_fit(keys: dict[str, str], old: str, new: str) -> None:
    assert old in WITH
    with pytest.raises(CoterieError, match="CT-1601") as caught:
        draft(WITH.replace(old, new), keys)
    assert "line" in caught.value.detail


def test_differences_are_told(keys: dict[str, str], attested: Terms, terms: Terms) -> None:
    def told(**changes: Any) -> tuple[str, ...]:
        section = attested.dealer_tee
        assert section is not None
        other = attested.model_copy(update={"dealer_tee": section.model_copy(update=changes)})
        return compare(attested, other)

    changed = told(measurements={"sim": ({"measurement": "00" * 48},)})
    assert all(one.startswith("dealer_tee: ") for one in changed)
    assert any("00" * 48 in one for one in changed)
    assert any("dealer_tee is not given in the first" in one for one in compare(terms, attested))
    assert compare(attested, draft(WITH, keys)) == ()
