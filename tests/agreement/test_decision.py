"""Decisions: what is within the terms is allowed, and each single step outside is refused with its reason."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from coterie.agreement import Agreement, Request, Terms, draft
from coterie.crypto import Identity
from coterie.errors import NotAgreed

from .conftest import DRAFT, judge, request_document


def test_a_job_within_the_terms_is_allowed(signed: Agreement, keys: dict[str, str]) -> None:
    decision = judge(signed, request_document(signed.id), keys)
    assert decision.refusals == ()
    assert decision.allowed
    decision.require()


def put(path: str, value: Any) -> Any:
    """A change of a request: the value at a dotted path, or a new one."""

    def change(request: dict[str, Any]) -> None:
        *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
        place: Any = request
        for key in parents:
            place = place[key]
        if last == "+":
            place.append(value)
        else:
            place[last] = value

    return change


OUTSIDE = [
    ("agreement", "sha256:" + "0" * 64, "CT-1636", "sha256"),
    ("submitter", "mallory", "CT-1626", "'mallory'"),
    ("submitter", "hub", "CT-1626", "'hub'"),
    ("parties.+", "mallory", "CT-1626", "'mallory'"),
    ("parties", [], "CT-1626", "no party"),
    ("parties.+", "hub", "CT-1634", "deal and compute"),
    ("guests", ["mallory"], "CT-1626", "'mallory'"),
    ("guests", ["hub"], "CT-1626", "'hub'"),
    ("dealer", "mallory", "CT-1634", "'mallory' instead of 'hub'"),
    ("dealer", "lender", "CT-1634", "'lender'"),
    ("engine", "tee", "CT-1629", "'tee'"),
    ("engine", "clear", "CT-1629", "one party"),
    ("datasets", [], "CT-1627", "no dataset"),
    ("datasets.0.name", "salaries", "CT-1627", "'salaries' of 'lender'"),
    ("datasets.1.name", "loans", "CT-1627", "'loans' of 'payments'"),
    ("datasets.0.owner", "mallory", "CT-1626", "'mallory'"),
    ("datasets.0.columns.+", "religion", "CT-1628", "'religion' of dataset 'loans'"),
    ("datasets.0.columns.+", "spend", "CT-1628", "'spend'"),
    ("datasets.0.columns.+", "default", "CT-1628", "'default'"),
    ("datasets.0.columns.+", "customer", "CT-1628", "'customer'"),
    ("datasets.0.id", "phone", "CT-1628", "'phone'"),
    ("datasets.0.label", "income", "CT-1628", "'income'"),
    ("datasets.1.label", "spend", "CT-1628", "'spend'"),
    ("datasets.1.rows", 999, "CT-1633", "999"),
    ("common_rows", 999, "CT-1633", "999 rows in common"),
    ("common_rows", 0, "CT-1633", "0 rows in common"),
    ("steps", [], "CT-1630", "no component"),
    ("steps.0.component", "dump", "CT-1630", "'dump'"),
    ("steps.0.params.reveal", True, "CT-1631", "'reveal' of component 'align' has no bound"),
    ("steps.0.params.other", 1, "CT-1631", "'other' of component 'align'"),
    ("steps.1.params.test", 0.51, "CT-1631", "above 0.5"),
    ("steps.1.params.test", 0.09, "CT-1631", "below 0.1"),
    ("steps.1.params.test", True, "CT-1631", "not a number"),
    ("steps.1.params.test", "0.3", "CT-1631", "not a number"),
    ("steps.1.params", {"seed": 1}, "CT-1631", "'test' of component 'split' is bounded but not stated"),
    ("steps.1.params.seed", True, "CT-1631", "'seed'"),
    ("steps.2.params.optimiser", "sgd", "CT-1631", "'optimiser'"),
    ("steps.2.params.guard", 1, "CT-1631", "'guard'"),
    ("steps.2.params.guard", False, "CT-1631", "'guard'"),
    ("steps.2.params.passes", 11, "CT-1631", "'passes'"),
    ("steps.2.params.note", "x", "CT-1631", "'note'"),
    ("results.model.+", "mallory", "CT-1632", "model to 'mallory'"),
    ("results.model.+", "hub", "CT-1632", "model to 'hub'"),
    ("results.scores.+", "payments", "CT-1632", "scores to 'payments'"),
    ("results.coefficients", ["lender"], "CT-1632", "coefficients to 'lender'"),
    ("results.common_ids", ["payments"], "CT-1632", "common_ids to 'payments'"),
]


@pytest.mark.parametrize(("path", "value", "code", "word"), OUTSIDE)
def test_each_step_outside_is_refused_with_its_reason(
    signed: Agreement, keys: dict[str, str], path: str, value: Any, code: str, word: str
) -> None:
    request = request_document(signed.id)
    put(path, value)(request)
    decision = judge(signed, request, keys)
    assert not decision.allowed
    assert any(refusal.code == code and word in refusal.reason for refusal in decision.refusals), decision
    with pytest.raises(NotAgreed) as caught:
        decision.require()
    assert caught.value.code == decision.refusals[0].code
    title = f"{caught.value.title}: "
    assert all(one.reason.removeprefix(title) in caught.value.detail for one in decision.refusals)
    assert caught.value.title not in caught.value.detail


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(OUTSIDE), min_size=1, max_size=4, unique_by=lambda o: o[0].split(".")[0]))
def test_every_reason_is_told_when_there_are_several(
    signed: Agreement, keys: dict[str, str], outside: list[tuple[str, Any, str, str]]
) -> None:
    request = request_document(signed.id)
    for path, value, _, _ in outside:
        put(path, copy.deepcopy(value))(request)
    codes = {refusal.code for refusal in judge(signed, request, keys).refusals}
    assert {code for _, _, code, _ in outside} <= codes


INSIDE = [
    ("dealer", None),
    ("submitter", "payments"),
    ("datasets.0.columns", []),
    ("datasets.0.columns", ["income", "age", "no"]),
    ("datasets.0.label", None),
    ("datasets.1.rows", 10**9),
    ("common_rows", None),
    ("steps.1.params.test", 0.1),
    ("steps.1.params.test", 0.5),
    ("steps.2.params.l2", -3.5),
    ("steps.2.params.passes", 10.0),
    ("results.scores", []),
    ("results", {}),
]


@pytest.mark.parametrize(("path", "value"), INSIDE)
def test_what_is_within_the_terms_stays_allowed(
    signed: Agreement, keys: dict[str, str], path: str, value: Any
) -> None:
    request = request_document(signed.id)
    put(path, value)(request)
    assert judge(signed, request, keys).refusals == ()


names = st.sampled_from(["lender", "payments", "hub", "mallory", "", "Lender"])


@settings(max_examples=300, deadline=None)
@given(
    columns=st.lists(
        st.sampled_from(["age", "income", "no", "default", "customer", "spend", "x", "AGE"]), max_size=4
    ),
    owner=names,
    receiver=names,
    kind=st.sampled_from(["model", "coefficients", "scores", "metrics", "report", "common_ids"]),
    rows=st.integers(0, 2000),
    test=st.floats(-1, 2),
    component=st.sampled_from(["split", "align", "dump", ""]),
)
def test_allowed_is_exactly_what_the_terms_say(
    signed: Agreement,
    keys: dict[str, str],
    columns: list[str],
    owner: str,
    receiver: str,
    kind: str,
    rows: int,
    test: float,
    component: str,
) -> None:
    """Against the terms of the draft, written out by hand."""
    request = request_document(signed.id)
    request["datasets"][0] |= {"columns": columns, "owner": owner, "rows": rows}
    request["results"] = {kind: [receiver]}
    step: dict[str, Any] = {"component": component, "params": {}, "defaults": {}}
    if component == "split":
        step["params"] = {"test": test}
    request["steps"] = [step]
    expected = (
        set(columns) <= {"age", "income", "no"}
        and owner == "lender"
        and (
            (kind == "model" and receiver in ("lender", "payments"))
            or (kind == "scores" and receiver == "lender")
        )
        and rows >= 1000
        and (component == "align" or (component == "split" and 0.1 <= test <= 0.5))
    )
    assert judge(signed, request, keys).allowed == expected


@pytest.mark.parametrize(
    ("now", "codes"),
    [
        (datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC), ["CT-1623"]),
        (datetime(2026, 11, 1, tzinfo=UTC), []),
        (datetime(2027, 10, 31, 23, 59, 59, tzinfo=UTC), []),
        (datetime(2027, 11, 1, tzinfo=UTC), ["CT-1624"]),
    ],
)
def test_times(signed: Agreement, keys: dict[str, str], now: datetime, codes: list[str]) -> None:
    decision = judge(signed, request_document(signed.id), keys, now=now)
    assert [refusal.code for refusal in decision.refusals] == codes


def test_a_parameter_without_a_bound_has_its_default_or_is_told_what_it_lacks(
    signed: Agreement, keys: dict[str, str]
) -> None:
    def reasons(params: dict[str, Any], defaults: dict[str, Any]) -> list[str]:
        step = {"component": "align", "params": params, "defaults": defaults}
        request = request_document(signed.id) | {"steps": [step]}
        return [f"{refusal.code} {refusal.reason}" for refusal in judge(signed, request, keys).refusals]

    assert reasons({"family": "poisson"}, {"family": "poisson"}) == []
    (changed,) = reasons({"family": "poisson"}, {"family": "linear"})
    assert changed.startswith("CT-1631")
    assert "must have its default value" in changed
    (required,) = reasons({"family": "poisson"}, {})
    assert required.startswith("CT-1631")
    assert "no default value" in required


def test_runs(signed: Agreement, keys: dict[str, str]) -> None:
    request = request_document(signed.id)
    assert judge(signed, request, keys, runs_used=9).allowed
    for used in (10, 11):
        assert [r.code for r in judge(signed, request, keys, runs_used=used).refusals] == ["CT-1625"]


def test_signatures_and_keys(
    signed: Agreement, terms: Terms, people: dict[str, Identity], keys: dict[str, str]
) -> None:
    request = request_document(signed.id)

    def codes(agreement: Agreement, known: dict[str, str] = keys) -> list[str]:
        return [refusal.code for refusal in judge(agreement, request, known).refusals]

    assert codes(Agreement(terms=terms)) == ["CT-1620", "CT-1620"]
    assert codes(Agreement(terms=terms).sign(people["lender"], keys)) == ["CT-1620"]
    swapped = dict(zip(signed.signatures, reversed(signed.signatures.values()), strict=True))
    assert codes(signed.model_copy(update={"signatures": swapped})) == ["CT-1621", "CT-1621"]
    extra = signed.model_copy(update={"signatures": {**signed.signatures, "hub": "0" * 128}})
    assert codes(extra) == ["CT-1621"]
    assert codes(signed, keys | {"payments": keys["mallory"]}) == ["CT-1635"]
    assert codes(signed, {name: key for name, key in keys.items() if name != "hub"}) == ["CT-1635"]


def test_altered_terms_are_refused_under_the_old_and_the_new_id(
    signed: Agreement, keys: dict[str, str]
) -> None:
    altered = signed.model_copy(update={"terms": signed.terms.model_copy(update={"max_runs": 1000})})
    for agreement_id, codes in ((altered.id, {"CT-1621"}), (signed.id, {"CT-1621", "CT-1636"})):
        decision = judge(altered, request_document(agreement_id), keys)
        assert {refusal.code for refusal in decision.refusals} == codes


def test_a_party_that_deals_does_not_compute(people: dict[str, Identity], keys: dict[str, str]) -> None:
    text = DRAFT.replace(
        "[lender, payments]\nservices: [hub]\ndealer: hub", "[lender, payments, hub]\ndealer: hub"
    )
    agreement = Agreement(terms=draft(text, keys))
    for name in agreement.terms.parties:
        agreement = agreement.sign(people[name], keys)
    request = request_document(agreement.id)
    assert judge(agreement, request, keys).allowed
    request["parties"].append("hub")
    assert [r.code for r in judge(agreement, request, keys).refusals] == ["CT-1634"]


def test_requests_are_strict(signed: Agreement) -> None:
    for path, value in (("engine", "magic"), ("datasets.0.rows", -1), ("datasets.0.rows", "5"), ("more", 1)):
        document = request_document(signed.id)
        put(path, value)(document)
        with pytest.raises(ValidationError):
            Request.model_validate(document)
