"""Each kind of document has its chapter, which says what the document says and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from coterie.learn.component import Finding
from coterie.learn.report.page import render

from . import report_more as more
from .report_material import HOSTILE, LENDER, evaluation, facts, finding
from .report_page import Page, page

WORDS: list[tuple[Callable[[], Any], str, tuple[str, ...]]] = [
    (more.described, "Data", ("whole number", "44.31", "6.1%", "(not told)", "20,000", "all others")),
    (more.counted, "Data", ("Rows in common", "910,000", "61,234", "ε = 0.25", "7.9")),
    (more.summed_up, "Data", ("Columns on the common rows", "0.294", "3,470", "1,000 are", "61,234 rows")),
    (more.crossed, "Columns against the label", ("812.4", "0.310", "900.5", "24.00%")),
    (more.binned, "Bins", ("IV 0.967 · 6 bins · optimal", "[0.35, 0.7)", "20,622", "+1.454", "missing")),
    (more.binned, "Information value", ("0.8700", "very strong: look twice", "0.0090", "none")),
    (more.correlated, "Correlations", ("Pearson correlation", "above 1000", "redundant", "−.68", "13.40")),
    (
        more.structured,
        "Structure of the rows",
        ("first 2 of 3", "90.0%", "−0.6000", "3 clusters among 9,000", "75.0%", "8.000e+09", "12 iterations"),
    ),
    (more.believed, "Model", ("7,000 training rows", "22.22%", "−0.50", "75.00%", "−1.099", "(all others)")),
    (
        more.selected,
        "Selected features",
        ("3 of 5 features stay", "correlates with payments.late_90", "0.93"),
    ),
    (more.carded, "Scorecard", ("600", "50 : 1", "312", "coefficient −0.8300 · 9 to 62 points", "+1.454")),
    (more.carded, "Reasons", ("12,000", "210 of 36,000 rows have no reason", "against the best bin")),
    (
        more.owned,
        "What joining gained lender",
        ("+0.0154 AUC", "2,069", "0.7426", "9,004", "more than chance"),
    ),
    (
        more.parted,
        "What each party contributed",
        (
            "payments contributed the most: 83.4%",
            "+0.05120",
            "−3.4%",
            "rows of north the measured loss would be no higher",
            "9.9%",
        ),
    ),
    (more.stable, "Stability", ("PSI 0.0048 · stable", "0.2700", "changed", "to be watched", "33,600")),
    (more.compared, "Comparison", ("AUC (DeLong test)", "+0.0412", "[+0.0310, +0.0514]", "< 0.0001", "+91")),
    (more.decided, "Decision", ("From 540 points rows are approved, below 500", "69.4%", "2.08%", "60,000")),
]


def told(made: Any) -> tuple[Finding, ...]:
    return (made,) if isinstance(made, Finding) else made


@pytest.mark.parametrize(("make", "title", "words"), WORDS, ids=[title for _, title, _ in WORDS])
def test_a_chapter_says_what_its_document_says(
    make: Callable[[], Any], title: str, words: tuple[str, ...]
) -> None:
    without, shown = page(()), page(told(make()))
    assert title in shown.headings
    assert title in without.headings or title == "Data" or title not in without.text()
    for word in words:
        assert word in shown.text(), word
    assert sum(word not in without.text() for word in words) >= len(words) - 2


def test_one_of_each_makes_a_whole_report() -> None:
    shown = page(more.everything(), "both")
    assert len(shown.headings) == 18
    assert set(shown.ids.values()) == {1}
    assert {link[1:] for link in shown.links} <= set(shown.ids)
    assert len(shown.source.encode()) < 400_000
    assert shown.source == page(more.everything(), "both").source


def test_no_english_is_left_in_any_chapter() -> None:
    text = page(more.everything(), "zh", label="label", title="标题").text()
    known = {
        "utilization",
        "age",
        "dependents",
        "late",
        "debt",
        "ratio",
        "income",
        "region",
        "north",
        "column",
    }
    steps = {
        "align",
        "logistic",
        "evaluate",
        "glm",
        "scorecard",
        "pca",
        "kmeans",
        "naive_bayes",
        "naive",
        "bayes",
        "label",
        "title",
        "lender",
        "payments",
        "hub",
    }
    terms = {
        *(
            "Coterie",
            "AUC",
            "KS",
            "Gini",
            "Brier",
            "DeLong",
            "Wilson",
            "AIC",
            "IV",
            "WOE",
            "PSI",
            "VIF",
            "PDO",
        ),
        *("Pearson", "Cram", "NRI", "IDI", "LGD", "MiB", "KiB", "ROC", "UTC", "mpc", "credit", "sha"),
    }
    left = set(re.findall(r"[A-Za-z]{2,}", re.sub(r"\b[0-9a-f]{8,}\b", "", text)))
    assert left - known - steps - terms == set()


NUMBERS = {"rmse": 2.5, "mae": 1.5, "r2": 0.25, "deviance": None, "deviance_explained": None}
OF_NUMBERS = {"everywhere": NUMBERS, "auc_gain": None, "error_gain": -0.5, "error_gain_low": -0.9}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"auc_gain_low": -0.01}, "may be chance"),
        ({"auc_gain": -0.03, "auc_gain_low": -0.04, "auc_gain_high": -0.02}, "own model is better"),
        ({"own": None, "untrained": "one"}, "all its 2,069 training rows have the same label"),
        ({"own": None, "untrained": "few"}, "no more than the model has coefficients"),
        ({"own": None, "untrained": "CT-3051"}, "refused with CT-3051"),
        ({"own": None, "joint": None, "unmeasured": "one"}, "all of them have the same label"),
        (
            {**OF_NUMBERS, "joint": NUMBERS, "own": {**NUMBERS, "rmse": 2.25}, "error_gain_high": -0.1},
            "from 2.25 to 2.5 in root mean squared error",
        ),
    ],
)
def test_what_joining_gained_in_words(changes: dict[str, Any], words: str) -> None:
    shown = page((more.owned(**changes),), "both").text()
    assert words in shown
    assert "nan" not in shown


PARTS = [{"party": LENDER, "rows": 2069, "contribution": 0.02, "drawn_error": 0.004, "left_out": 0.001}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"told": "own", "parties": PARTS}, "Of the gain lender contributed 32.6%"),
        ({"gain": -0.001}, "It gains nothing"),
        ({"accounted": 0.0714}, "do not add up to the gain"),
        (
            {"method": "retrain", "trainings": 4, "untrained": 2, "parties": PARTS},
            "4 models of groups of at least three",
        ),
        (
            {"method": "retrain", "trainings": 9, "orders": 32, "cut_short": 3, "parties": PARTS},
            "32 drawn orders of the parties, 3 of which",
        ),
        (
            {
                "method": "retrain",
                "measure": "auc",
                "accounted": None,
                "trainings": 4,
                "parties": [{**PARTS[0], "contribution": None, "left_out_error": 0.002}],
            },
            "4 models were trained by secure sums, each without one",
        ),
        ({"measure": "deviance", "nothing": 1.25e9, "whole": 1.5e8, "gain": 1.1e9}, "1.250e+09"),
    ],
)
def test_contributions_in_words(changes: dict[str, Any], words: str) -> None:
    shown = page((more.parted(**changes),), "both").text()
    assert words in shown
    assert "nan" not in shown
    assert "None" not in shown


def test_two_selections_are_told_apart_by_their_steps() -> None:
    first = more.selected()
    plain = [{**one, "value": None, "threshold": None} for one in first.document["features"]]
    second = replace(first, step="again", document={**first.document, "features": plain})
    text = page((first, second)).text()
    assert "Step select" in text
    assert "Step again" in text
    assert text.count("Threshold") == 1  # where nothing was judged, or may be seen, there is no column of it


def test_the_summary_has_the_decision_and_how_many_features_stay() -> None:
    text = page(more.everything()).text()
    summary = text[: text.index("Participant")]
    assert "That approves 69.4% of the rows, with a default rate of 2.08%" in summary
    assert "Features 3 selected of 10 columns in the job" in summary
    assert "AUC 0.8384" in summary


def scored(model: str, auc: float, frame: str = "test", *, baseline: bool = False) -> Finding:
    """The numbers of a model with this AUC."""
    found = evaluation(baseline=baseline)[0].document
    joint = {**found["joint"], "auc": auc}
    return finding(
        "evaluate", "metrics", {**found, "model": model, "frame": frame, "joint": joint}, f"{model}_{frame}"
    )


def test_the_headline_is_of_the_best_model_on_the_frame_that_was_measured_last() -> None:
    measured = (
        scored("forest", 0.99, "train"),
        scored("trees", 0.8312),
        scored("network", 0.8105),
        scored("line", 0.7906),
    )
    text = page(measured).text()
    summary = text[: text.index("Participant")]
    assert "Model trees , the one of 3 with the highest AUC on the same rows: a row" in summary
    assert "in 83.1% of all pairs" in summary
    assert "AUC 0.8312" in summary
    lines = [summary.index(line) for line in ("trees test", "network test", "line test", "forest training")]
    assert lines == sorted(lines)  # the best first; of other frames last
    assert "alone" not in summary
    assert "own" not in summary
    assert "3 个模型中 AUC 最高者" in page(measured, "zh").text()


def test_all_models_stand_beside_what_is_reached_without_the_others() -> None:
    text = page((scored("logistic", 0.7795), scored("trees", 0.75, baseline=True), more.owned())).text()
    summary = text[: text.index("Participant")]
    joint = evaluation()[0].document["joint"]
    weaker = evaluation()[0].document["baseline"]["auc"]
    low, high, ks = (f"{joint[name]:.4f}" for name in ("auc_low", "auc_high", "ks"))
    assert "AUC, columns of lender alone" in summary
    assert f"logistic test rows 6,000 0.7795 {low} to {high} {ks} – 0.7426, 0.7580" in summary
    assert f"trees test rows 6,000 0.7500 {low} to {high} {ks} {weaker:.4f} –" in summary


def test_one_model_on_two_frames_is_compared_with_nothing() -> None:
    text = page((scored("trees", 0.83), scored("trees", 0.85, "train"))).text()
    summary = text[: text.index("Participant")]
    assert "Model trees : a row with label 1 scores higher than a row with label 0 in 85.0%" in summary
    assert "Rows of" not in summary


def hostile(one: Finding) -> Finding:
    """The same document with other names in it."""
    text = json.dumps(one.document)
    for name in ("utilization", "late_90", "column_1", "region", "north", "[0.1, 0.35)", "income"):
        text = text.replace(name, (name[:6] + HOSTILE).replace('"', '\\"'))
    return replace(one, step=HOSTILE, document=json.loads(text))


def test_foreign_names_are_text_in_every_chapter() -> None:
    shown = page(tuple(map(hostile, more.everything())), "both")
    assert shown.tags["script"] == 0
    assert "<script" not in shown.source
    assert shown.text().count("<script>alert('1')</script>") > 25


def test_a_long_map_of_correlations_stays_readable() -> None:
    wide = page(more.correlated(70))
    assert len(wide.source) < 700_000
    assert "lender.column_69" in wide.text()
    assert wide.text().count("−.") < 70 * 35  # numbers are in small maps alone
    most = page(more.correlated(130))
    assert most.tags["svg"] == 0
    assert "Strongest pairs" in most.text()


def test_of_a_guarded_record_the_page_says_so() -> None:
    assert "are coarse" not in page(evaluation()).text()
    assert "fewer than 20 rows of either label" in page(evaluation(least=20)).text()


def test_parts_of_the_rows() -> None:
    numbers, drawn = evaluation()
    segment = {"rows": 3000, "positives": 210, "rate": 0.07, "predicted": 0.068, "ks": 0.41}
    segments = [
        {**segment, "name": "north", "auc": 0.81, "auc_low": 0.78, "auc_high": 0.84},
        {**segment, "name": "other", "auc": None, "auc_low": None, "auc_high": None, "ks": None},
    ]
    document = {**numbers.document, "segments": [{"column": "lender.region", "segments": segments}]}
    text = page((replace(numbers, document=document), drawn)).text()
    assert "By lender.region" in text
    assert "north 3,000 6.80% 7.00% 0.8100" in text
    assert "all others 3,000" in text


def test_numbers_of_a_label_that_is_no_class() -> None:
    document = {
        "version": 1,
        "task": "regression",
        "model": "glm",
        "frame": "test",
        "guarded": False,
        "joint": {
            "rows": 900,
            "mean": 3.2,
            "predicted_mean": 3.1,
            "mse": 0.49,
            "rmse": 0.7,
            "mae": 0.5,
            "r2": 0.61,
            "mape": None,
            "variance_power": 1.0,
            "deviance": 0.8,
            "deviance_explained": 0.4,
            "bands": [
                {
                    "band": n,
                    "rows": 90,
                    "predicted": 5.0 / n,
                    "observed": 5.1 / n,
                    "score_low": 0.1,
                    "score_high": 9,
                }
                for n in range(1, 11)
            ],
        },
        "baseline": None,
        "rmse_gain": None,
    }
    shown = page((finding("evaluate", "metrics", document),))
    for words in ("Root mean squared error", "0.61", "Predicted and observed mean by band"):
        assert words in shown.text()
    assert f"What this job has told {LENDER}" in shown.text()


def test_coefficients_of_a_model_on_hidden_rows() -> None:
    """They come one after another, and the owner's with their units."""
    lines = [
        {"party": LENDER, "column": "income", "coefficient": 0.731, "unit_mean": 3204.1, "unit_std": 903.7},
        {"party": "payments", "column": "flow", "coefficient": -0.207, "unit_mean": None, "unit_std": None},
    ]
    document = {"version": 1, "step": "logistic", "coefficients": lines, "intercept": -2.113}
    text = page((finding("logistic", "coefficients", document),)).text()
    for word in ("Coefficients", "income", "0.731", "flow", "−0.207", "−2.113"):
        assert word in text, word
    without = page((finding("logistic", "coefficients", document | {"intercept": None}),)).text()
    assert "(intercept)" not in without


def test_parties_with_other_people_have_no_rows_in_common() -> None:
    shown = Page(render(facts(horizontal=True), (), "en").decode()).text()
    assert "the same columns of other people" in shown
    assert "all rows of all parties" in shown
    assert "in common" not in shown
    assert "Rows are those that all data parties have in common" in page(()).text()


def test_decisions_whose_volumes_are_not_told() -> None:
    one = more.decided()
    small = replace(one, document={**one.document, "zones": [], "bands": [], "guarded": True})
    text = page((small,)).text()
    assert "From 540 points" in text
    assert "Volumes are not told" in text
    risk = {"unit": "probability", "approve": 0.05, "refuse": 0.05}
    text = page((replace(one, document={**one.document, **risk}),)).text()
    assert "Below a probability of label 1 of 5.00% rows are approved, from there they are refused" in text


@pytest.mark.parametrize(
    ("rows", "more_"),
    [
        (2, {}),
        (40, {}),
        (300, {"ties": 1}),
        (300, {"ties": 3}),
        (3000, {"shift": 6.0}),
        (3000, {"shift": -9.0}),
    ],
    ids=["two rows", "few rows", "two scores", "four scores", "rare label", "common label"],
)
def test_odd_scores_make_a_page_too(rows: int, more_: dict[str, Any]) -> None:
    shown = page(evaluation(rows, **more_))
    assert shown.tags["svg"] >= 6
    assert not re.search(r"\bnan\b|\binf\b", shown.text())
