"""Drafts: what YAML gives, and how mistakes are told."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.agreement import Bound, Terms, compare, draft
from coterie.agreement.bounds import same_value
from coterie.crypto import canonical, digest
from coterie.errors import CoterieError

from .conftest import DRAFT


def test_a_draft(terms: Terms, keys: dict[str, str]) -> None:
    assert terms.parties == {"lender": keys["lender"], "payments": keys["payments"]}
    assert terms.services == {"hub": keys["hub"]}
    assert terms.datasets[0].columns == ("age", "income", "no")
    assert (terms.datasets[0].label, terms.datasets[1].label) == ("default", None)
    assert terms.components[2].params["l2"] == Bound(max=1)
    assert (terms.approval_of("lender"), terms.approval_of("payments")) == ("automatic", "person")
    assert terms.receivers("scores") == ("lender",)
    assert terms.receivers("report") == ()
    assert terms.id == digest(canonical(terms.model_dump(mode="json")))


def test_an_id_of_several_columns(terms: Terms, keys: dict[str, str]) -> None:
    assert DRAFT.count("id: customer") == 1
    made = draft(DRAFT.replace("id: customer", "id: [name, born]"), keys)
    assert (terms.datasets[0].id, made.datasets[0].id) == ("customer", ("name", "born"))
    assert Terms.model_validate_json(made.model_dump_json()) == made
    assert made.id not in (terms.id, draft(DRAFT.replace("id: customer", "id: [born, name]"), keys).id)
    assert any("id" in line and "born" in line for line in compare(terms, made))
    for wrong in ("[customer]", "[]", "[name, name]", "[age, born]", "[a, b, c, d, e, f, g, h, i]", "7"):
        with pytest.raises(CoterieError, match="CT-1601"):
            draft(DRAFT.replace("id: customer", f"id: {wrong}"), keys)


def test_the_order_of_parties_is_that_of_their_names(terms: Terms, keys: dict[str, str]) -> None:
    other = draft(DRAFT.replace("[lender, payments]", f"{{payments: {keys['payments']}, lender:}}", 1), keys)
    assert list(other.parties) == ["lender", "payments"]
    assert other.id == terms.id


def test_empty_lists_are_accepted_and_allow_nothing(keys: dict[str, str]) -> None:
    text = (
        "name: nothing\nparties: [lender]\ndatasets: []\ncomponents: []\nengines: []\nresults: []\n"
        "min_rows: 1\nnot_before: 2026-01-01T00:00:00Z\nexpires: 2027-01-01T00:00:00Z\nmax_runs: 1\n"
    )
    terms = draft(text, keys)
    assert (terms.datasets, terms.components, terms.engines, terms.results) == ((), (), (), ())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("min_rows: 1000", "min_row: 1000", ["line 31", "min_row", "no such field"]),
        ("min_rows: 1000\n", "", ["min_rows", "missing"]),
        ("min_rows: 1000", "min_rows: 0", ["line 31", "min_rows"]),
        ("min_rows: 1000", "min_rows: '1000'", ["line 31", "min_rows"]),
        ("max_runs: 10", "max_runs: 1.5", ["line 34", "max_runs"]),
        (
            "[lender, payments]\nservices",
            "[lender, stranger]\nservices",
            ["line 2", "'stranger'", "introduced"],
        ),
        (
            "[lender, payments]\nservices",
            "{lender: " + "0" * 63 + "a, payments: }\nservices",
            ["line 2", "key"],
        ),
        ("[lender, payments]\nservices", "[lender, lender]\nservices", ["line 2", "twice"]),
        ("[lender, payments]\nservices", "[lender, 7]\nservices", ["line 2", "text"]),
        ("[lender, payments]\nservices", "[]\nservices", ["line 2", "parties"]),
        ("services: [hub]", "services: [lender]", ["line 3", "'lender' is a party already"]),
        ("dealer: hub", "dealer: mallory", ["line 4", "'mallory'"]),
        ("owner: payments", "owner: mallory", ["line 12", "'mallory' is not a party"]),
        ("columns: [spend, balance]", "columns: [spend, spend]", ["line 14", "'spend'", "twice"]),
        ("columns: [spend, balance]", "columns: [client]", ["line 14", "'client'", "twice"]),
        ("columns: [spend, balance]", "columns: [1]", ["line 14", "columns.0"]),
        ("name: accounts\n    owner: payments", "name: loans\n    owner: lender", ["lender/loans", "twice"]),
        ("name: split", "name: align", ["'align'", "twice"]),
        ("engines: [mpc]", "engines: [magic]", ["line 25", "engines.0"]),
        ("engines: [mpc]", "engines: [mpc, mpc]", ["line 25", "twice"]),
        ("kind: scores", "kind: secrets", ["line 29", "results.1.kind"]),
        ("kind: scores", "kind: model", ["line 26", "'model'", "twice"]),
        ("to: [lender]\n", "to: [hub]\n", ["line 30", "'hub' is not a party"]),
        ("to: [lender]\n", "to: [lender, lender]\n", ["line 30", "twice"]),
        ("{max: 1}", "{}", ["line 22", "a bound needs"]),
        ("{max: 1}", "{min: 2, max: 1}", ["line 22", "min is above max"]),
        ("{max: 1}", "{any: true, max: 1}", ["line 22", "stands alone"]),
        ("{max: 1}", "{any: false}", ["line 22", "any"]),
        ("{max: 1}", "{maximum: 1}", ["line 22", "maximum", "no such field"]),
        ("{max: 1}", "{max: many}", ["line 22", "max"]),
        ("{max: 1}", "{equals: 9007199254740993}", ["line 15", "JSON"]),
        ("2027-11-01T00:00:00Z", "2026-11-01T00:00:00Z", ["line 33", "not after not_before"]),
        ("2027-11-01T00:00:00Z", "2027-11-01", ["line 33", "2026-11-22T20:00:00Z"]),
        ("2027-11-01T00:00:00Z", "2027-02-30T00:00:00Z", ["line 33"]),
        ("{lender: automatic}", "{hub: automatic}", ["line 35", "'hub' is not a party"]),
        ("{lender: automatic}", "{lender: maybe}", ["line 35", "approval.lender"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    keys: dict[str, str], old: str, new: str, words: list[str]
) -> None:
    assert DRAFT.count(old) == 1
    with pytest.raises(CoterieError) as caught:
        draft(DRAFT.replace(old, new), keys)
    assert caught.value.code == "CT-1601", caught.value.detail
    for word in words:
        assert word in caught.value.detail, caught.value.detail


def test_two_names_with_one_key(keys: dict[str, str]) -> None:
    with pytest.raises(CoterieError) as caught:
        draft(DRAFT, keys | {"payments": keys["lender"]})
    assert "same key" in caught.value.detail


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "name: joint",
            "name: other-joint",
            "name is joint-credit-score in the first and other-joint-credit-score in the second",
        ),
        ("max_runs: 10", "max_runs: 11", "max_runs is 10 in the first and 11 in the second"),
        ("[spend, balance]", "[spend]", "dataset accounts of payments: column balance is only in the first"),
        (
            "[spend, balance]",
            "[balance, spend]",
            "dataset accounts of payments: columns are listed in another order or number",
        ),
        (
            "    label: default\n",
            "",
            "dataset loans of lender: label is default in the first and not given in the second",
        ),
        (
            "{max: 1}",
            "{max: 2}",
            "component logistic: parameter l2: max is 1.0 in the first and 2.0 in the second",
        ),
        (
            "guard: {equals: true}",
            "guard: {equals: 1}",
            "component logistic: parameter guard: equals is true in the first and 1 in the second",
        ),
        ("      l2: {max: 1}\n", "", "component logistic: parameter l2 is only in the first"),
        ("  - name: align\n", "", "component align is only in the first"),
        ("engines: [mpc]", "engines: [mpc, tee]", "engine tee is only in the second"),
        ("to: [lender]\n", "to: []\n", "results of kind scores: to lender is only in the first"),
        (
            "[lender, payments]\nservices",
            "[lender, payments, mallory]\nservices",
            "party mallory is only in the second",
        ),
        ("services: [hub]\ndealer: hub\n", "", "service hub is only in the first"),
        (
            "{lender: automatic}",
            "{lender: person}",
            "approval of lender is automatic in the first and person in the second",
        ),
    ],
)
def test_differences_are_told_in_words(
    terms: Terms, keys: dict[str, str], old: str, new: str, sentence: str
) -> None:
    assert DRAFT.count(old) == 1
    assert sentence in compare(terms, draft(DRAFT.replace(old, new), keys))


def test_components_in_another_order_are_a_difference(terms: Terms, keys: dict[str, str]) -> None:
    turned = terms.model_copy(update={"components": terms.components[::-1]})
    assert compare(terms, turned) == ("components are listed in another order",)
    assert compare(terms, draft(DRAFT, keys)) == ()


def test_another_key_is_a_difference(terms: Terms, keys: dict[str, str]) -> None:
    other = draft(DRAFT, keys | {"lender": keys["mallory"]})
    assert compare(terms, other) == ("party lender has another key in the second",)


json_scalars = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from(["", "a", "1"])
)


@given(json_scalars, json_scalars)
def test_equal_values_are_those_with_equal_json(a: object, b: object) -> None:
    kinds = [
        bool if isinstance(v, bool) else float if isinstance(v, int | float) else type(v) for v in (a, b)
    ]
    assert same_value(a, b) == (kinds[0] is kinds[1] and a == b)  # type: ignore[arg-type]


@given(st.integers(-10, 10) | st.floats(-10, 10), st.floats(-10, 10), st.floats(0, 10))
def test_min_and_max_are_inclusive(value: float, low: float, width: float) -> None:
    high = low + width
    assert (Bound(min=low, max=high).refusal(value) is None) == (low <= value <= high)
    assert (Bound(min=low).refusal(value) is None) == (low <= value)
    assert (Bound(max=high).refusal(value) is None) == (value <= high)


@pytest.mark.parametrize(
    ("bound", "inside", "outside"),
    [
        (Bound(min=0), [0, 5, 1e300], [True, "1", None, [1], -1e-9, float("nan")]),
        (Bound(one_of=("a", 1, None)), ["a", 1, 1.0, None], ["b", True, [None], "1"]),
        (Bound(one_of=()), [], ["a", 1, None]),
        (Bound(equals=True), [True], [1, 1.0, "true", False, None]),
        (Bound(equals=["a", 2]), [["a", 2]], [["a"], ["a", 2, 2], "a"]),
        (Bound(max=5, one_of=(1, 9)), [1], [9, 3]),
        (Bound(any=True), [1, "a", None, [], {"a": [1]}, False], []),
    ],
)
def test_bounds(bound: Bound, inside: list[object], outside: list[object]) -> None:
    assert [bound.refusal(value) for value in inside] == [None] * len(inside)  # type: ignore[arg-type]
    assert all(bound.refusal(value) for value in outside)  # type: ignore[arg-type]


def test_terms_read_back_from_plain_values(terms: Terms) -> None:
    plain = terms.model_dump(mode="json")
    assert Terms.model_validate(copy.deepcopy(plain)) == terms
    assert Terms.model_validate_json(canonical(plain)) == terms
