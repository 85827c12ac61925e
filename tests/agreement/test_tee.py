"""The section ``tee``: where attested jobs may run. Agreements without it are what they were."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coterie.agreement import Agreement, Terms, compare, draft
from coterie.crypto import Identity, canonical, digest
from coterie.errors import CoterieError
from tests.agreement.conftest import DRAFT, judge, request_document

SECTION = """\
tee:
  host: hub
  platform:
    {types: [snp], chips: any, minimum_svns: {snp-milan: {bootloader: 4, tee: 0, snp: 20, microcode: 209}}}
  measurements: {snp: [{measurement: "MEASURED"}]}
  max_output_bytes: 10000000
""".replace("MEASURED", "ab" * 48)
WITH = DRAFT.replace("engines: [mpc]", "engines: [mpc, tee]") + SECTION


@pytest.fixture
def attested(keys: dict[str, str]) -> Terms:
    return draft(WITH, keys)


def test_terms_without_the_section_are_signed_as_they_always_were(terms: Terms) -> None:
    """The fields of an agreement of before, written out: no byte of what was signed has changed."""
    plain = json.loads(terms.canonical())
    assert set(plain) == {
        "name", "parties", "services", "dealer", "datasets", "components", "engines", "results",
        "min_rows", "not_before", "expires", "max_runs", "approval", "id_key",
    }  # fmt: skip
    assert terms.id == digest(canonical(plain))
    assert Terms.model_validate(plain | {"tee": None}).id == terms.id
    assert Agreement.from_bytes(canonical({"terms": plain, "signatures": {}})).id == terms.id
    with pytest.raises(CoterieError) as caught:
        Agreement.from_bytes(canonical({"terms": plain | {"tee": None}, "signatures": {}}))
    assert caught.value.code == "CT-1602"


def test_the_digest_of_an_old_agreement() -> None:
    """Computed by hand from a document of before there was the section."""
    text = (
        '{"approval":{},"components":[],"datasets":[],"dealer":null,"engines":["tee"],'
        '"expires":"2027-11-01T00:00:00Z","id_key":null,"max_runs":1,"min_rows":1,"name":"a",'
        f'"not_before":"2026-11-01T00:00:00Z","parties":{{"p":"{"00" * 32}"}},"results":[],"services":{{}}}}'
    )
    terms = Terms.model_validate(json.loads(text))
    assert terms.canonical() == text.encode()
    assert terms.id == "sha256:95d288d62b66452b21afb61ed3a572ca91bc4d9bb2ce0f74970f391c212f9347"


def test_the_section_is_signed(attested: Terms, people: dict[str, Identity], keys: dict[str, str]) -> None:
    agreement = Agreement(terms=attested)
    for name in attested.parties:
        agreement = agreement.sign(people[name], keys)
    assert Agreement.from_bytes(agreement.to_bytes()) == agreement
    assert attested.tee is not None
    assert (attested.tee.attempts, attested.tee.min_interval) == (1, 0)
    weaker = json.loads(agreement.to_bytes())
    weaker["terms"]["tee"]["attempts"] = 2
    with pytest.raises(CoterieError) as caught:
        Agreement.from_bytes(canonical(weaker)).verify()
    assert caught.value.code == "CT-1621"


def test_the_engine_needs_the_section(
    people: dict[str, Identity], keys: dict[str, str], attested: Terms
) -> None:
    def refusals(terms: Terms) -> list[str]:
        agreement = Agreement(terms=terms)
        for name in terms.parties:
            agreement = agreement.sign(people[name], keys)
        document = request_document(agreement.id) | {"engine": "tee", "dealer": None}
        return [one.code for one in judge(agreement, document, keys).refusals]

    assert refusals(attested) == []
    without = WITH.removesuffix(SECTION)
    assert refusals(draft(without, keys)) == ["CT-1637"]
    assert refusals(draft(DRAFT + SECTION, keys)) == ["CT-1629"]


WRONG: list[tuple[str, str]] = [
    ("host: hub", "host: mallory"),
    ("host: hub", "hosts: [hub]"),
    ("types: [snp]", "types: [snp, tdx]"),
    ("types: [snp]", "types: [sim]"),
    ("types: [snp]", "types: [sev]"),
    ("chips: any, ", ""),
    ("chips: any", "chips: any, debug: true"),
    ("tee: 0, ", ""),
    ("measurement:", "measure:"),
    ("max_output_bytes: 10000000", "max_output_bytes: 0"),
    ("  max_output_bytes: 10000000\n", ""),
    ("10000000", "10000000\n  attempts: 0"),
    ("10000000", "10000000\n  min_interval: -1"),
    ("10000000", "10000000\n  more: 1"),
]


@pytest.mark.parametrize(("old", "new"), WRONG)
def test_a_section_that_does_not_fit(keys: dict[str, str], old: str, new: str) -> None:
    assert old in SECTION
    with pytest.raises(CoterieError) as caught:
        draft(WITH.replace(SECTION, SECTION.replace(old, new)), keys)
    assert caught.value.code == "CT-1601"
    assert "line" in caught.value.detail


def test_differences_are_told(keys: dict[str, str], attested: Terms, terms: Terms) -> None:
    def told(**changes: Any) -> tuple[str, ...]:
        tee = attested.tee
        assert tee is not None
        return compare(attested, attested.model_copy(update={"tee": tee.model_copy(update=changes)}))

    assert told(attempts=3) == ("tee: attempts is 1 in the first and 3 in the second",)
    assert told(host="lender") == ("tee: host is hub in the first and lender in the second",)
    assert any("tee is not given in the first" in one for one in compare(terms, attested))
    assert compare(attested, draft(WITH, keys)) == ()
