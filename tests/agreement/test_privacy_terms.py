"""Budgets of differential privacy in agreements: what is signed, and what is refused under them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from coterie.agreement import Request, Terms, compare, decide
from coterie.agreement.agreement import Agreement
from coterie.crypto import canonical, parse_timestamp
from tests.jobs.banks import BANKS, terms_for

BUDGET = {"unit": "record", "epsilon": 3, "delta": 1e-6}


def terms(privacy: dict[str, Any] | None = None, **changes: Any) -> Terms:
    plain = terms_for(**changes).model_dump(mode="json")
    plain["datasets"][1]["privacy"] = privacy
    return Terms.model_validate(plain)


def test_without_a_budget_the_digest_stays() -> None:
    assert terms().id == terms_for().id
    assert b"privacy" not in terms().canonical()
    signed = terms(BUDGET)
    assert b'"privacy":{"delta":0.000001,"epsilon":3,"unit":"record"}' in signed.canonical()
    assert Terms.model_validate_json(canonical(signed)).id == signed.id
    assert terms({**BUDGET, "colluding": 1}).id != signed.id


def test_differences_are_told() -> None:
    told = compare(terms(BUDGET), terms({**BUDGET, "epsilon": 4}))
    assert len(told) == 1
    assert "epsilon" in told[0]
    assert compare(terms(), terms(BUDGET)) != ()


@pytest.mark.parametrize(
    ("privacy", "changes", "words"),
    [
        ({**BUDGET, "epsilon": 0}, {}, "greater than 0"),
        ({**BUDGET, "delta": 0.5}, {}, "less than 0.1"),
        ({**BUDGET, "unit": "table"}, {}, "record"),
        (BUDGET, {"engines": ["fl", "tee"]}, "'tee' adds no noise"),
        (
            BUDGET,
            {
                "lookups": [
                    {"dataset": "loans", "owner": "north", "to": ["east"], "max_ids": 9, "per_minute": 9}
                ]
            },
            "lookups have no noise",
        ),
    ],
)
def test_terms_that_do_not_fit_a_budget(privacy: dict[str, Any], changes: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        terms(privacy, **changes)


def judged(given: Terms, **changes: Any) -> dict[str, str]:
    plain: dict[str, Any] = {
        "agreement": given.id,
        "submitter": "east",
        "engine": "fl",
        "parties": BANKS,
        "coordinator": "hub",
        "datasets": [
            {"name": "loans", "owner": bank, "id": "key", "columns": ["a"], "rows": 100} for bank in BANKS
        ],
        "steps": [],
        "results": {},
    }
    request = Request.model_validate(plain | changes)
    decision = decide(
        Agreement(terms=given),
        request,
        now=parse_timestamp("2030-01-01T00:00:00Z"),
        runs_used=0,
        revocations=(),
        keys={},
    )
    return {one.code: one.reason for one in decision.refusals if one.code in ("CT-1655", "CT-1656")}


def test_what_is_said_of_a_dataset_decides() -> None:
    good = {"name": "loans", "owner": "north", "epsilon": 3.0, "bare": ()}
    assert judged(terms(BUDGET), privacy=[good]) == {}
    assert judged(terms(), privacy=[]) == {}
    assert set(judged(terms(BUDGET), privacy=[])) == {"CT-1655"}  # nothing is said: no
    assert set(judged(terms(BUDGET), privacy=[{**good, "owner": "east"}])) == {"CT-1655"}
    assert set(judged(terms(BUDGET), privacy=[good], engine="mpc")) == {"CT-1655"}
    bare = judged(terms(BUDGET), privacy=[{**good, "bare": ["evaluate"]}])
    assert "step 'evaluate', dataset 'loans' of 'north'" in bare["CT-1655"]
    for epsilon, words in ((3.001, "epsilon 3.001 with all jobs so far"), (1e999, "no privacy"), (1e7, "no")):
        above = judged(terms(BUDGET), privacy=[{**good, "epsilon": epsilon}])
        assert words in above["CT-1656"]
    assert set(judged(terms(BUDGET), privacy=[{**good, "epsilon": float("nan")}])) == {"CT-1656"}
