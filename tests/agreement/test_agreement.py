"""Signatures: whose, under what, and that no change of a signed document goes unseen."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.agreement import Agreement, Request, Revocation, Terms, decide, draft
from coterie.crypto import Identity, canonical
from coterie.errors import CoterieError

from .conftest import DRAFT, NOW, judge, request_document


def code_of(action: Any) -> str:
    with pytest.raises(CoterieError) as caught:
        action()
    return caught.value.code


def test_all_parties_sign(terms: Terms, people: dict[str, Identity], keys: dict[str, str]) -> None:
    agreement = Agreement(terms=terms)
    assert agreement.missing == ("lender", "payments")
    assert code_of(agreement.verify) == "CT-1620"
    agreement = agreement.sign(people["payments"], keys)
    assert agreement.missing == ("lender",)
    assert code_of(agreement.verify) == "CT-1620"
    agreement = agreement.sign(people["lender"], keys)
    agreement.verify()
    assert Agreement.from_bytes(agreement.to_bytes()) == agreement


def test_who_can_sign(terms: Terms, people: dict[str, Identity], keys: dict[str, str], tmp_path: Any) -> None:
    agreement = Agreement(terms=terms)
    for outsider in (people["mallory"], people["hub"], Identity.create(tmp_path, "lender")):
        assert code_of(lambda outsider=outsider: agreement.sign(outsider, keys)) == "CT-1603"


def test_nobody_signs_terms_with_a_key_other_than_the_one_introduced(
    people: dict[str, Identity], keys: dict[str, str]
) -> None:
    forged = Agreement(terms=draft(DRAFT, keys | {"payments": keys["mallory"]}))
    assert code_of(lambda: forged.sign(people["lender"], keys)) == "CT-1605"
    unknown = {name: key for name, key in keys.items() if name != "hub"}
    honest = Agreement(terms=draft(DRAFT, keys))
    assert code_of(lambda: honest.sign(people["lender"], unknown)) == "CT-1605"


def test_merge(terms: Terms, people: dict[str, Identity], keys: dict[str, str]) -> None:
    empty = Agreement(terms=terms)
    one = empty.sign(people["lender"], keys)
    two = empty.sign(people["payments"], keys)
    one.merge(two).verify()
    assert one.merge(two) == two.merge(one)
    assert one.merge(empty) == one
    other = Agreement(terms=draft(DRAFT.replace("max_runs: 10", "max_runs: 11"), keys))
    assert code_of(lambda: one.merge(other)) == "CT-1602"
    bad = empty.model_copy(update={"signatures": {"payments": one.signatures["lender"]}})
    assert code_of(lambda: one.merge(bad)) == "CT-1604"
    stranger = empty.model_copy(update={"signatures": {"mallory": one.signatures["lender"]}})
    assert code_of(lambda: one.merge(stranger)) == "CT-1604"


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def without(document: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(document)
    del at(changed, path[:-1])[path[-1]]
    return changed


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    at(changed, path[:-1])[path[-1]] = value
    return changed


def accepted(data: bytes, keys: dict[str, str]) -> bool:
    """Whether a document passes as signed by its parties, whatever it says."""
    try:
        agreement = Agreement.from_bytes(data)
    except CoterieError:
        return False
    decision = judge(agreement, request_document(agreement.id), keys)
    return not {refusal.code for refusal in decision.refusals} & {"CT-1620", "CT-1621", "CT-1635"}


def test_every_removal_from_a_signed_document_is_refused(signed: Agreement, keys: dict[str, str]) -> None:
    document = json.loads(signed.to_bytes())
    assert accepted(signed.to_bytes(), keys)
    removals = [without(document, path) for path in places(document) if path]
    assert len(removals) > 70
    assert not any(accepted(canonical(removed), keys) for removed in removals)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_every_changed_value_of_a_signed_document_is_refused(
    data: st.DataObject, signed: Agreement, keys: dict[str, str]
) -> None:
    document = json.loads(signed.to_bytes())
    path = data.draw(st.sampled_from([path for path in places(document) if path]))
    old = at(document, path)
    similar: st.SearchStrategy[Any] = st.nothing()
    if isinstance(old, str):
        position = data.draw(st.integers(0, max(len(old) - 1, 0)))
        letter = data.draw(st.sampled_from("0a9fzT-Z"))
        similar = st.just(old[:position] + letter + old[position + 1 :])
    elif isinstance(old, int | float) and not isinstance(old, bool):
        similar = st.sampled_from([old + 1, old - 1, old * 2, -old])
    elif isinstance(old, list):
        similar = st.permutations(old) | st.just([*old, *old[:1]]) | st.just([*old, "extra"])
    elif isinstance(old, dict):
        similar = st.just({**old, "extra": 1})
    new = data.draw(similar | st.sampled_from([None, True, 0, "", "lender", [], {}]))
    changed = replaced(document, path, new)
    if canonical(changed) != canonical(document):
        assert not accepted(canonical(changed), keys)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_every_changed_byte_of_a_signed_document_is_refused(
    data: st.DataObject, signed: Agreement, keys: dict[str, str]
) -> None:
    whole = signed.to_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != whole[position]))
    assert not accepted(whole[:position] + bytes([byte]) + whole[position + 1 :], keys)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d + b"\n",
        lambda d: b" " + d,
        lambda d: d[:-1],
        lambda d: b"",
        lambda d: b"[]",
        lambda d: b"\xff" + d,
        lambda d: d + b" " * 2**20,
    ],
)
def test_only_the_canonical_document_is_read(signed: Agreement, change: Any) -> None:
    assert code_of(lambda: Agreement.from_bytes(change(signed.to_bytes()))) == "CT-1602"


def test_revocation(signed: Agreement, people: dict[str, Identity], keys: dict[str, str]) -> None:
    for name in signed.terms.parties:
        revocation = Revocation.make(signed, people[name], "the purpose has ended", now=NOW)
        revocation.verify(signed.terms)
        assert Revocation.from_bytes(revocation.to_bytes()) == revocation
        decision = judge(signed, request_document(signed.id), keys, revocations=[revocation])
        assert [refusal.code for refusal in decision.refusals] == ["CT-1622"]
        assert "the purpose has ended" in decision.refusals[0].reason
    assert code_of(lambda: Revocation.make(signed, people["mallory"], "", now=NOW)) == "CT-1603"
    for reason in ("x" * 501, "two\nlines", "\ud800"):
        assert (
            code_of(lambda reason=reason: Revocation.make(signed, people["lender"], reason, now=NOW))
            == "CT-1606"
        )


def test_a_revocation_that_no_party_signed_has_no_effect(
    signed: Agreement, people: dict[str, Identity], keys: dict[str, str]
) -> None:
    good = Revocation.make(signed, people["lender"], "enough", now=NOW)
    other = Agreement(terms=draft(DRAFT.replace("max_runs: 10", "max_runs: 11"), keys))
    bad = [
        good.model_copy(update={"reason": "Enough"}),
        good.model_copy(update={"time": "2026-11-22T20:00:01Z"}),
        good.model_copy(update={"party": "payments"}),
        good.model_copy(update={"party": "hub"}),
        good.model_copy(update={"signature": "0" * 128}),
        Revocation.make(other, people["lender"], "enough", now=NOW),
    ]
    for revocation in bad:
        assert code_of(lambda revocation=revocation: revocation.verify(signed.terms)) == "CT-1606"
        assert judge(signed, request_document(signed.id), keys, revocations=[revocation]).allowed


def test_decisions_are_the_same_every_time(signed: Agreement, keys: dict[str, str]) -> None:
    document = request_document(signed.id) | {"engine": "tee", "submitter": "mallory"}
    asked = Request.model_validate(document)
    answers = {
        decide(signed, asked, now=NOW, runs_used=99, revocations=(), keys=keys).model_dump_json()
        for _ in range(5)
    }
    assert len(answers) == 1
