"""``report`` run as a job runs it: each party gets its own page, and nothing of the others'."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.binning import Bin, Woe
from coterie.learn.describe import Describe
from coterie.learn.evaluate import Evaluate
from coterie.learn.logistic import Logistic
from coterie.learn.report import Report
from coterie.learn.split import Split
from coterie.learn.standardize import Standardize

from .pipeline import Outcome, dataset, people, run
from .report_page import Page

ROWS = 900
STEPS = (
    ("align", Align(), {}),
    ("split", Split(), {"test": 0.4}),
    ("describe", Describe(), {"frame": "train"}),
    ("bin", Bin(), {"method": "quantile", "bins": 4}),
    ("woe", Woe(), {}),
    ("standardize", Standardize(), {}),
    ("logistic", Logistic(), {"l2": 0.01, "passes": 15}),
    ("evaluate", Evaluate(), {"bins": 5}),
    ("report", Report(), {}),
)
OWNERS = ("lender", "payments")
GRANTS = {
    "scores": ("lender",),
    "metrics": OWNERS,
    "report": OWNERS,
    "bins": OWNERS,
    "iv": OWNERS,
    "profile": OWNERS,
}
CANARIES = {"lender": ("pilotcanary", "minercanary"), "payments": ("tigercanary", "zebracanary")}
"""Names of categories: they are their owner's secret."""


@functools.cache
def data() -> Mapping[str, Any]:
    ids, random = people(ROWS, 9)
    draws = {name: random.normal(size=ROWS) for name in ("age", "late")}
    kinds = {owner: random.choice(names, ROWS) for owner, names in CANARIES.items()}
    odds = -0.7 + 0.6 * draws["age"] + 1.1 * draws["late"] + (kinds["payments"] == "zebracanary")
    bad = (random.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(int)
    lender = {"age": 40.123456 + draws["age"], "job": kinds["lender"], "bad": bad}
    payments = {"late": 7.654321 + draws["late"], "pet": kinds["payments"]}
    return {"lender": dataset(ids, lender, label="bad"), "payments": dataset(ids, payments)}


@functools.cache
def ran(**grants: tuple[str, ...]) -> dict[str, Outcome]:
    receivers = {**GRANTS, **grants}
    return run(data(), STEPS, label="bad", label_holder="lender", dealer="hub", receivers=receivers)


def shown(outcomes: dict[str, Outcome], party: str) -> Page:
    return Page(outcomes[party].published["report/report.html"].decode())


def test_each_party_gets_its_own_page_and_nothing_is_sent_for_it() -> None:
    outcomes = ran()
    assert outcomes["hub"].published == {}
    for party in OWNERS:
        page = shown(outcomes, party)
        assert f"Coterie report for {party}" in page.text("en")
        assert f"Coterie 建模报告 · {party}" in page.text("zh-CN")
        assert "A <job>" in page.text()
        plan = outcomes[party].plans["report"]
        assert plan.sent == plan.rounds == {}
        assert plan.results == {"report": OWNERS}
        assert [(one.to, one.values) for one in plan.reveals] == [(OWNERS, 0)]


def test_coefficients_are_on_the_page_of_whom_they_are_granted_to() -> None:
    outcomes = ran(coefficients=("lender",))
    document = json.loads(outcomes["lender"].published["coefficients/logistic.coefficients.json"])
    text = shown(outcomes, "lender").text("en")
    assert "Coefficients" in text
    assert f"{document['intercept']:.4f}".replace("-", "−") in text
    assert "Coefficients" not in shown(outcomes, "payments").text("en")
    assert "Coefficients" not in shown(ran(), "lender").text("en")


def test_what_is_a_partys_own_is_on_its_page_alone() -> None:
    outcomes = ran()
    for party, other in (OWNERS, OWNERS[::-1]):
        source = shown(outcomes, party).source
        for name in CANARIES[party]:
            assert name in source
        for name in CANARIES[other]:
            assert name not in source


def test_limits_of_bins_are_on_their_owners_page_alone() -> None:
    outcomes = ran()
    found = [one for one in outcomes["payments"].last.findings["payments"] if one.kind == "bins"]
    edges = next(one for one in found[0].document["columns"] if one["name"] == "late")["bins"]
    labels = [one["label"] for one in edges if "[" in one["label"]]
    assert len(labels) >= 2
    for label in labels:
        assert (
            label.replace("-inf", "−∞").replace("inf)", "+∞)").replace("-", "−")
            in shown(outcomes, "payments").text()
        )
        assert label not in shown(outcomes, "lender").text()


def test_what_was_told_stands_in_the_order_of_a_committee() -> None:
    page = shown(ran(), "lender")
    titles = [re.sub(r"</?span[^>]*>", "|", one).split("|")[1] for one in page.headings]
    assert titles == [
        "Data",
        "Bins",
        "Information value",
        "How good the score is",
        "What each party learned",
    ]
    text = page.text("en")
    for words in (
        "which of its own rows are common",
        "the score of each row",
        "own columns alone",
        "ROC curve",
    ):
        assert words in text


def test_every_reveal_of_the_job_is_known_in_chinese() -> None:
    text = shown(ran(), "lender").source
    assert "foreign" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def test_a_party_without_metrics_has_them_on_its_page_where_the_report_is_granted() -> None:
    outcomes = ran(metrics=("lender",))
    assert "metrics/metrics.json" not in outcomes["payments"].published
    assert "ROC curve" in shown(outcomes, "payments").text("en")


def test_a_party_without_a_grant_gets_no_page() -> None:
    outcomes = ran(report=("lender",))
    assert "report/report.html" not in outcomes["payments"].published
    assert "report/report.html" in outcomes["lender"].published


def test_a_step_that_nobody_may_read_is_refused_while_planning() -> None:
    with pytest.raises(CoterieError) as caught:
        ran(report=())
    assert (caught.value.code, caught.value.step) == ("CT-3175", "report")


@pytest.mark.parametrize(("language", "tags"), [("en", 0), ("zh", 0), ("both", 2)])
def test_the_job_chooses_language_and_heading(language: str, tags: int) -> None:
    given = {"language": language, "heading": "Annual <review>"}
    steps = (("align", Align(), {}), ("report", Report(), given))
    outcomes = run(data(), steps, label="bad", label_holder="lender", dealer="hub", receivers=GRANTS)
    page = shown(outcomes, "payments")
    assert page.tags["input"] == tags
    assert "Annual <review>" in page.text()
