"""A report is one sound page that needs nothing else, in two languages, of what its reader was told."""

from __future__ import annotations

import ast
import functools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from coterie.errors import CoterieError
from coterie.learn.component import Finding, Reveal
from coterie.learn.report import in_language, texts
from coterie.learn.report.page import render

from .report_material import HOSTILE, LENDER, PAYMENTS, coefficients, evaluation, facts, plans, usual
from .report_page import Page, page

NAMES = re.compile(
    r"[a-z]+(?:_[a-z0-9]+)+|SeriousDlqin2yrs|lender|payments|hub|credit-2026|sha256|\b[0-9a-f]{32,}\b|UTC|mpc"
    r"|joint credit score",
    re.IGNORECASE,
)
"""What others named, on the usual page."""
TERMS = {
    *("Coterie", "AUC", "KS", "Gini", "Brier", "DeLong", "Wilson", "AIC", "IV", "WOE", "PSI", "VIF", "PDO"),
    *(
        "Cram",
        "NRI",
        "IDI",
        "LGD",
        "RMSE",
        "MAE",
        "MAPE",
        "Pearson",
        "Spearman",
        "MiB",
        "KiB",
        "GiB",
        "ROC",
        "CSI",
        "Tweedie",
    ),
}
"""Words that Chinese risk analysts use as they are."""


@functools.cache
def source(language: Any = "both") -> str:
    return render(facts(), usual(), language).decode()


@functools.cache
def shown(language: Any = "both") -> Page:
    return Page(source(language))


@pytest.mark.parametrize("language", ["en", "zh", "both"])
def test_the_page_runs_nothing_and_needs_nothing_else(language: Any) -> None:
    one = shown(language)
    for tag in ("script", "link", "iframe", "form", "object", "embed", "img", "base"):
        assert one.tags[tag] == 0
    assert {link[:1] for link in one.links} == {"#"}
    assert {link[1:] for link in one.links} <= set(one.ids)
    assert set(one.ids.values()) == {1}
    assert not re.search(r"https?:|url\(|@import|data:", one.source)
    assert "default-src 'none'" in one.source


def test_a_page_is_light() -> None:
    assert len(source().encode()) < 250_000


@pytest.mark.parametrize("language", ["en", "zh", "both"])
def test_the_same_findings_make_the_same_page(language: Any) -> None:
    assert render(facts(), usual(), language).decode() == source(language)


def test_drawings_are_sound_and_name_their_axes() -> None:
    drawings = re.findall(r"<svg.*?</svg>", source("en"), flags=re.DOTALL)
    assert len(drawings) == shown("en").tags["svg"] > 8
    texts = ""
    for one in drawings:
        texts += (
            " ".join("".join(text.itertext()) for text in ElementTree.fromstring(one).iter("text")) + "\n"
        )
    for axis in ("false positive rate", "share of the class reached", "times the average rate", "mean loss"):
        assert axis in texts


def test_no_number_in_a_drawing_is_none() -> None:
    for drawing in re.findall(r"<svg.*?</svg>", source(), flags=re.DOTALL):
        assert not re.search(r"nan|inf\b|None", drawing)


def hostile() -> tuple[Finding, ...]:
    """Columns and steps that are named so."""
    found = []
    for one in (*coefficients(), *evaluation()):
        text = json.dumps(one.document)
        for name in ("utilization", "late_90"):
            text = text.replace(json.dumps(name), json.dumps(name + HOSTILE))
        document = json.loads(text)
        if "model" in document:
            document["model"] = HOSTILE
        found.append(replace(one, step=HOSTILE, document=document))
    return tuple(found)


@pytest.mark.parametrize("language", ["en", "zh", "both"])
def test_foreign_names_are_text_and_nothing_else(language: Any) -> None:
    named = [replace(plan, step=HOSTILE + str(place)) for place, plan in enumerate(plans())]
    told = replace(named[0], reveals=(Reveal(HOSTILE, (LENDER,), 3),))
    changes = {"title": HOSTILE, "label": HOSTILE, "agreement": HOSTILE, "job": HOSTILE}
    one = page(hostile(), language, plans=(told, *named[1:]), **changes)
    assert one.tags["script"] == 0
    assert "<script" not in one.source
    assert one.text().count(HOSTILE) >= 8
    assert one.tags["b"] < 40
    assert {"html", "svg", "table"} <= set(one.tags)


def test_a_name_may_have_the_braces_of_a_place() -> None:
    assert "lender{0}{x}" in page((), reader="lender{0}{x}").text()


def test_a_page_in_both_languages_has_each_text_twice() -> None:
    one = shown("both")
    for found, alone in (("en", "en"), ("zh-CN", "zh")):
        assert one.text(found) == shown(alone).text() or set(one.text(found).split()) >= set(
            shown(alone).text().split()
        )
    assert sum(lang == "en" for lang, _ in one.words) == sum(lang == "zh-CN" for lang, _ in one.words)
    assert shown("en").tags["input"] == shown("zh").tags["input"] == 0
    assert one.tags["input"] == 2


def test_no_english_is_left_on_a_chinese_page() -> None:
    left = NAMES.sub(" ", shown("zh").text())
    words = {word for word in re.findall(r"[A-Za-z]{2,}", left) if word not in TERMS}
    steps = {"align", "logistic", "evaluate", "glm", "age", "dependents", "utilization", "income"}
    assert words - steps == set()


def test_no_chinese_is_left_on_an_english_page() -> None:
    assert not re.search("[\u3000-\u9fff\uff00-\uffef]", source("en"))


def test_every_text_of_the_room_has_both_sides() -> None:
    """Whether a page shows it or not: Chinese beside English, with the same places for values."""
    found = 0
    for path in Path(texts.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "T":
                english, chinese = (str(ast.literal_eval(side)) for side in node.args)
                assert sorted(re.findall(r"\{\w*\}", english)) == sorted(re.findall(r"\{\w*\}", chinese)), (
                    english
                )
                assert bool(english) == bool(chinese), english
                assert not re.search("[\u4e00-\u9fff]", english), english
                if set(re.findall(r"[A-Za-z]{3,}", re.sub(r"\{\w*\}|<[^>]*>", "", english))) - TERMS:
                    assert re.search("[\u4e00-\u9fff]", chinese), english
                found += 1
    assert found > 150


def test_the_language_of_a_page_can_be_chosen_later() -> None:
    both = source("both").encode()
    chinese = in_language(both, "zh")
    assert b'<html lang="zh-CN" data-lang="zh" data-has="en zh">' in chinese
    assert in_language(chinese, "both") == both
    assert in_language(in_language(both, "en"), "zh") == chinese
    only = source("en").encode()
    assert in_language(only, "en") == only


@pytest.mark.parametrize(
    ("content", "language", "code"),
    [
        (b"", "zh", "CT-3176"),
        (b"<html><body>another page</body></html>", "zh", "CT-3176"),
        (b'x<!doctype html>\n<html lang="en" data-lang="both" data-has="en zh">', "zh", "CT-3176"),
        ("en", "zh", "CT-3177"),
        ("zh", "both", "CT-3177"),
    ],
)
def test_what_has_no_such_language_is_refused(content: Any, language: Any, code: str) -> None:
    given = content if isinstance(content, bytes) else source(content).encode()
    with pytest.raises(CoterieError) as caught:
        in_language(given, language)
    assert caught.value.code == code


def test_a_page_of_public_facts_alone() -> None:
    one = page((), reader="hub")
    assert "told hub no result beyond this page" in one.text()
    assert one.headings == ["Data", "Plan against fact", "What each party learned"]
    assert PAYMENTS in one.text()
    assert "120,000" in one.text()


def test_nothing_has_run_yet() -> None:
    one = page((), plans=(), measured={})
    assert one.headings == ["Data", "What each party learned"]
    assert one.text().count("nothing") == 3


def test_plan_and_fact_stand_side_by_side() -> None:
    text = page(()).text()
    assert "logistic logistic 948.4 MiB 87.0 MiB 87.0 MiB 812 812 18.40" in text
    assert "≤ 47.0 KiB" in text
    assert "Total 959.9 MiB" in text


def test_who_learned_what() -> None:
    text = page(()).text()
    assert text.count("which of its own rows are common") == 2
    assert "the score of each row (36,000 values, step evaluate)" in text
    assert "number of common rows (1 value, step align)" in text


def test_in_an_attested_run_numbers_of_others_values_are_told_to_nobody() -> None:
    text = page((), reader=PAYMENTS, attested=True, rows={}, measured={}).text()
    assert "36,000" not in text
    assert "the score of each row (step evaluate)" in text
    assert "120,000" in text  # which of its own rows are common: it has that
    assert "seconds" not in text.lower()


def test_a_document_that_is_none_is_a_bug_that_names_the_step() -> None:
    broken = [replace(one, document={**one.document, "joint": {}}) for one in evaluation()]
    with pytest.raises(CoterieError) as caught:
        render(facts(), tuple(broken), "en")
    assert (caught.value.code, caught.value.step) == ("CT-3178", "evaluate")


def test_a_band_number_without_end_is_refused() -> None:
    """The label holder's document is drawn by the others: an axis of 10^15 places would never be finished."""
    (metrics,) = (one for one in evaluation() if one.kind == "metrics")
    document: Any = json.loads(json.dumps(metrics.document))
    document["joint"]["lift"][0]["band"] = 10**15
    with pytest.raises(CoterieError) as caught:
        render(facts(), (replace(metrics, document=document),), "en")
    assert (caught.value.code, caught.value.step) == ("CT-3178", "evaluate")


@pytest.mark.parametrize("frame", ["train", "{model.__class__}"])
def test_measures_of_other_rows_than_the_test_rows(frame: str) -> None:
    (metrics,) = (one for one in evaluation() if one.kind == "metrics")
    shown = page((replace(metrics, document={**metrics.document, "frame": frame}),))
    assert ("training" if frame == "train" else frame) in shown.text()
