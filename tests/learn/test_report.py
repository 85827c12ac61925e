"""The report is one sound page that needs nothing else and says what the numbers say."""

import functools
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from coterie.learn.evaluate.clear import measure
from coterie.learn.evaluate.curves import curves
from coterie.learn.evaluate.record import Evaluation, Record
from coterie.learn.evaluate.report import Learned, Party, ReportFacts, render
from coterie.learn.measures import gain

VOID = {"meta", "br", "link", "img", "input", "hr"}
FACTS = ReportFacts(
    title="credit <b>score</b> & more",
    job="ab" * 16,
    agreement="credit-2026",
    engine="secure multi-party computation (mpc)",
    label='"><script>alert(1)</script>',
    label_holder="lender",
    made="2026-11-22 20:00 UTC",
    parties=(
        Party("lender", "label holder", 5),
        Party("payments", "data party", 1),
        Party("hub", "dealer", None),
    ),
    learned=(
        Learned("align", "which of its own rows are common", 1234, ("lender", "payments")),
        Learned("evaluate", "score of each row", 567, ("lender",)),
    ),
)


class Page(HTMLParser):
    """Checks that tags nest, and keeps what is to be looked at."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id":
                self.ids[value or ""] += 1
            if name.split(":")[-1] in ("href", "src", "action", "data", "style", "clip-path", "fill"):
                self.links += re.findall(r"url\(([^)]*)\)", value or "")
                if name.split(":")[-1] in ("href", "src", "action", "data"):
                    self.links.append(value or "")
            assert not name.startswith("on")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "title"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def record(rows: int = 2000, *, baseline: bool = True, shift: float = 0.0, ties: int | None = None) -> Record:
    random = np.random.default_rng(1)
    known, hidden = random.normal(size=rows), random.normal(size=rows)
    scores = 1 / (1 + np.exp(2.2 - known - 1.2 * hidden + shift))
    labels = (random.random(rows) < scores).astype(np.int8)
    labels[:2] = (0, 1)
    if ties:
        scores = np.round(scores * ties) / ties
    weaker = 1 / (1 + np.exp(1.7 - 0.8 * known))
    joint, other, better = (
        measure(labels, scores, 10),
        measure(labels, weaker, 10),
        gain(labels, scores, weaker),
    )
    if not baseline:
        return Record(
            evaluation=Evaluation(model="logistic", frame="test", joint=joint),
            curves=curves(labels, scores),
        )
    evaluation = Evaluation(
        model="logistic",
        frame="test",
        joint=joint,
        baseline=other,
        auc_gain=better.auc,
        auc_gain_low=better.low,
        auc_gain_high=better.high,
        ks_gain=joint.ks - other.ks,
    )
    return Record(
        evaluation=evaluation,
        curves=curves(labels, scores),
        baseline_curves=curves(labels, weaker),
    )


@functools.cache
def source_of_usual_page() -> str:
    return render(record(), FACTS).decode()


@functools.cache
def usual_page() -> Page:
    return Page(source_of_usual_page())


def page(of: Record, facts: ReportFacts = FACTS) -> Page:
    return Page(render(of, facts).decode())


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    shown = usual_page()
    assert shown.tags["script"] == shown.tags["link"] == shown.tags["iframe"] == shown.tags["form"] == 0
    assert {link[:1] for link in shown.links} == {"#"}
    assert {link[1:] for link in shown.links} <= set(shown.ids)
    assert shown.tags["svg"] == shown.tags["figure"] == 6
    assert "http" not in re.sub(
        r"http://www\.w3\.org/[\w/]*|http-equiv", "", render(record(), FACTS).decode()
    )


def test_ids_are_used_once() -> None:
    assert set(usual_page().ids.values()) == {1}


def test_foreign_texts_are_escaped() -> None:
    source = source_of_usual_page()
    assert "<script" not in source
    assert "<b>score" not in source
    assert "Credit &lt;b&gt;score" in source


def test_each_plot_is_sound_xml_with_both_axes_named() -> None:
    source = source_of_usual_page()
    plots = re.findall(r"<svg.*?</svg>", source, flags=re.DOTALL)
    axes = (
        ("False positive rate", "True positive rate"),
        ("Share of all rows", "Share of the class"),
        ("Share of all rows", "Share of the rows with 1"),
        ("Band of rows", "Lift"),
        ("Predicted rate", "Observed rate"),
        ("Score", "Share of the class"),
    )
    assert len(plots) == len(axes)
    for plot, labels in zip(plots, axes, strict=True):
        root = ElementTree.fromstring(plot)
        texts = " ".join("".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text"))
        for label in labels:
            assert label in texts


def test_the_numbers_on_the_page_are_those_of_the_record() -> None:
    of = record()
    shown = usual_page().text
    joint, alone = of.evaluation.joint, of.evaluation.baseline
    assert alone is not None
    for value in (
        joint.auc,
        joint.ks,
        joint.gini,
        joint.log_loss,
        joint.brier,
        alone.auc,
        alone.ks,
        alone.brier,
    ):
        assert f"{value:.4f}" in shown
    assert f"+{of.evaluation.auc_gain:.4f}" in shown
    for band in joint.lift:
        assert f"{band.lift:.2f}" in shown
        assert f"{band.score_low:.4f} – {band.score_high:.4f}" in shown
    for row in joint.calibration:
        assert f"{100 * row.observed_low:.2f}% – {100 * row.observed_high:.2f}%" in shown


def test_who_learned_what_is_on_the_page() -> None:
    shown = usual_page().text
    assert shown.count("which of its own rows are common") == 2
    assert shown.count("score of each row") == 1
    assert "hub dealer nothing" in shown
    assert "1 234 values" in shown


def test_a_gain_is_called_by_its_interval() -> None:
    of = record()
    assert "larger than chance explains" in usual_page().text

    def with_gain(low: float, high: float) -> str:
        changed = of.evaluation.model_copy(update={"auc_gain_low": low, "auc_gain_high": high})
        return page(of.model_copy(update={"evaluation": changed})).text

    assert "may be chance" in with_gain(-0.01, 0.02)
    assert "ranks worse than" in with_gain(-0.02, -0.01)


def test_without_a_baseline_nothing_is_said_of_one() -> None:
    shown = page(record(baseline=False)).text
    assert "alone" not in shown


@pytest.mark.parametrize(
    "of",
    [
        record(2),
        record(40),
        record(300, ties=1),
        record(300, ties=3),
        record(3000, shift=6.0),
        record(3000, shift=-9.0),
    ],
    ids=["two rows", "few rows", "two scores", "four scores", "rare label", "common label"],
)
def test_odd_scores_make_a_page_too(of: Record) -> None:
    assert page(of, replace(FACTS, parties=(), learned=())).tags["svg"] == 6


def test_the_same_record_makes_the_same_page() -> None:
    assert render(record(), FACTS).decode() == source_of_usual_page()
