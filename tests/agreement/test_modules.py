"""The section ``modules``: users' programs that jobs may run. Agreements without it are what they were."""

from __future__ import annotations

import json

import pytest

from coterie.agreement import Agreement, Terms, compare, draft
from coterie.crypto import Identity, canonical
from coterie.errors import CoterieError

from .conftest import DRAFT, judge, request_document

SHA = "ab" * 32
SECTION = f"""\
modules:
  - {{name: digits-cnn, sha256: {SHA}, size: 1234, purpose: "Two convolutions for digits of 8 x 8."}}
"""


def signed(text: str, people: dict[str, Identity], keys: dict[str, str]) -> Agreement:
    agreement = Agreement(terms=draft(text, keys))
    for name in agreement.terms.parties:
        agreement = agreement.sign(people[name], keys)
    return agreement


def test_terms_without_the_section_are_signed_as_they_always_were(terms: Terms) -> None:
    plain = json.loads(terms.canonical())
    assert "modules" not in plain
    assert Terms.model_validate(plain | {"modules": ()}).id == terms.id
    with pytest.raises(CoterieError, match="CT-1602"):
        Agreement.from_bytes(canonical({"terms": plain | {"modules": []}, "signatures": {}}))


def test_the_section_is_signed(people: dict[str, Identity], keys: dict[str, str]) -> None:
    agreement = signed(DRAFT + SECTION, people, keys)
    assert Agreement.from_bytes(agreement.to_bytes()) == agreement
    for field, value in (("sha256", "cd" * 32), ("size", 1235), ("name", "other"), ("purpose", "Another.")):
        other = json.loads(agreement.to_bytes())
        other["terms"]["modules"][0][field] = value
        with pytest.raises(CoterieError, match="CT-1621"):
            Agreement.from_bytes(canonical(other)).verify()


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        ({"name": "digits-cnn", "sha256": SHA, "size": 1234}, []),
        ({"name": "another", "sha256": SHA, "size": 1234}, ["CT-1650"]),
        ({"name": "digits-cnn", "sha256": "cd" * 32, "size": 1234}, ["CT-1651"]),
        ({"name": "digits-cnn", "sha256": SHA, "size": 1233}, ["CT-1651"]),
    ],
)
def test_only_the_listed_program_may_run(
    asked: dict[str, object], codes: list[str], people: dict[str, Identity], keys: dict[str, str]
) -> None:
    agreement = signed(DRAFT + SECTION, people, keys)
    found = judge(agreement, request_document(agreement.id) | {"modules": [asked]}, keys)
    assert [one.code for one in found.refusals] == codes
    plain = signed(DRAFT, people, keys)
    found = judge(plain, request_document(plain.id) | {"modules": [asked]}, keys)
    assert [one.code for one in found.refusals] == ["CT-1650"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: digits-cnn", "name: Digits"),
        (SHA, SHA[:-1]),
        (SHA, SHA.upper()),
        ("size: 1234", "size: 0"),
        ("size: 1234", "size: 131073"),
        ("8 x 8.", "8 x 8.\\n"),
        ('purpose: "Two convolutions for digits of 8 x 8."', 'purpose: ""'),
        ("size: 1234, ", ""),
        ("size: 1234", "size: 1234, run: true"),
        (SECTION, SECTION + SECTION.splitlines()[1] + "\n"),
    ],
)
def test_a_section_that_does_not_fit(keys: dict[str, str], old: str, new: str) -> None:
    with pytest.raises(CoterieError, match="CT-1601"):
        draft(DRAFT + SECTION.replace(old, new), keys)


def test_differences_are_told(terms: Terms, keys: dict[str, str]) -> None:
    first, second = draft(DRAFT + SECTION, keys), draft(DRAFT + SECTION.replace(SHA, "cd" * 32), keys)
    assert any(one.startswith("module digits-cnn: sha256") for one in compare(first, second))
    assert "module digits-cnn is only in the second" in compare(terms, first)
