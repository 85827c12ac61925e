"""``naive_bayes`` over three parties' rows, against scikit-learn on the pooled table."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import CategoricalNB, GaussianNB

from coterie.crypto import canonical, digest, parse_json
from coterie.errors import CoterieError
from coterie.learn.component import EACH
from coterie.learn.evaluate import Evaluate
from coterie.learn.naive_bayes import Bayes, NaiveBayes, NaiveBayesParams, load_model
from coterie.learn.naive_bayes.clear import merged
from coterie.learn.report import Report
from coterie.learn.stack import Stack
from tests.learn import pipeline
from tests.learn.horizontal import run
from tests.learn.horizontal_data import NAMES, datasets, parted
from tests.learn.in_tee import in_tee

ROWS = 2400
STACK: Any = ("stack", Stack(), {})
BAYES: Any = ("bayes", NaiveBayes(), {"categorical": ["each.grade"]})
EVALUATE: Any = ("evaluate", Evaluate(), {"frame": "all"})
JOBS = ("clerk", "farmer", "nurse", "日本")


@functools.cache
def columns() -> dict[str, Any]:
    """Numbers far from zero; texts and whole numbers as categories, with enough rows in each."""
    random = np.random.default_rng(11)
    bad = (random.random(ROWS) < 0.4).astype(np.int64)
    job = np.where(bad, random.choice(4, ROWS, p=(0.2, 0.2, 0.3, 0.3)), random.integers(0, 4, ROWS))
    return {
        "income": 1e7 + 2e4 * random.normal(size=ROWS) - 1e4 * bad,
        "job": np.array(JOBS, object)[job].tolist(),
        "rate": 1.5e4 * (random.gamma(2.0, size=ROWS) + bad),
        "grade": np.where(bad, random.choice(4, ROWS, p=(0.4, 0.2, 0.2, 0.2)), random.integers(0, 4, ROWS)),
        "bad": bad,
    }


def wanted(table: dict[str, Any], prior: float | None = None) -> np.ndarray:
    """The probability of 1: both of scikit-learn's, with the prior once."""
    numbers = np.column_stack([table["income"], table["rate"]])
    codes = np.column_stack([np.unique(table[name], return_inverse=True)[1] for name in ("job", "grade")])
    label = table["bad"]
    normal = GaussianNB().fit(numbers, label).predict_joint_log_proba(numbers)
    # One category more than there are: all others, of which there are none.
    counted = CategoricalNB(min_categories=codes.max(axis=0) + 2).fit(codes, label)
    both = normal + counted.predict_joint_log_proba(codes) - counted.class_log_prior_
    if prior is not None:
        both += np.log([1 - prior, prior]) - counted.class_log_prior_
    return 1 / (1 + np.exp(both[:, 0] - both[:, 1]))


@functools.cache
def usual() -> Any:
    """Over meshes, with bytes and rounds as planned."""
    return run(datasets(columns(), "bad"), [STACK, BAYES, EVALUATE], label="bad", coordinator="hub")


def by_row(frame: Any, scores: np.ndarray) -> dict[float, float]:
    return dict(zip(frame.matrix(("income",))[:, 0].tolist(), scores.tolist(), strict=True))


def test_scores_are_those_of_the_pooled_rows() -> None:
    table, found = columns(), usual()
    expected = dict(zip(table["income"].tolist(), wanted(table).tolist(), strict=True))
    scores: dict[float, float] = {}
    for name in NAMES:
        assert found[name].published["model/bayes.model"] == found["west"].published["model/bayes.model"]
        model, frame = found[name].last.models["bayes"], found[name].frames["all"]
        scores |= by_row(frame, model.scores(frame))
    assert scores == pytest.approx(expected, abs=1e-7)
    told = json.loads(found["east"].published["metrics/metrics.json"])
    exact = roc_auc_score(table["bad"], list(expected.values()))
    assert abs(told["joint"]["auc"] - exact) <= told["auc_error"] < 1e-3
    own = {name: values[parted(ROWS)["west"]] for name, values in table.items()}
    beside = json.loads(found["west"].published["metrics/own.json"])
    assert beside["own"]["auc"] == pytest.approx(roc_auc_score(own["bad"], wanted(own)), abs=1e-9)


def test_in_one_place_it_is_the_same_and_beside_it_is_one_party_alone() -> None:
    table = columns()
    ids = [f"p{row}" for row in range(ROWS)]
    data = {
        "lender": pipeline.dataset(ids, {name: table[name] for name in ("income", "job", "bad")}, "bad"),
        "telecom": pipeline.dataset(ids, {name: table[name] for name in ("rate", "grade")}),
    }
    kinds = ("model", "coefficients", "metrics", "scores")
    receivers: dict[str, tuple[str, ...]] = dict.fromkeys(kinds, ("lender", "telecom"))
    given_to = {"categorical": ["telecom.grade"], "prior": 0.25}
    told, frames = in_tee(data, [("bayes", NaiveBayes(), given_to), EVALUATE], receivers)
    model = load_model(told["telecom"]["bayes.model"])
    frame = frames["all"]
    found = dict(zip(frame.values([("lender", "income")])[:, 0].tolist(), model.scores(frame), strict=True))
    assert found == pytest.approx(dict(zip(table["income"], wanted(table, 0.25), strict=True)), abs=1e-7)
    pooled = usual()["west"].last.models["bayes"].record().model_dump()
    here = model.record().model_dump()
    for one, other in zip(
        sorted(here["features"], key=lambda one: one["column"]),
        sorted(pooled["features"], key=lambda one: one["column"]),
        strict=True,
    ):
        assert one["means"] == pytest.approx(other["means"], rel=1e-12)
        assert one["categories"] == other["categories"]
    measures = parse_json(told["lender"]["metrics.json"], limit=1 << 20)
    assert measures["baseline"]["auc"] < measures["joint"]["auc"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=8), st.integers(1, 20)
)
def test_no_count_is_of_few_rows(pairs: list[tuple[int, int]], least: int) -> None:
    cells = np.array(pairs, np.int64).T
    counted = merged(cells, least)
    some = counted.sum(axis=0) > 0
    if least > 1:
        assert (counted[:, some].min(axis=0) >= least).all()
    assert some.sum() == 0 or np.array_equal(counted.sum(axis=1), cells.sum(axis=1))
    kept = cells.min(axis=0) >= least
    assert (counted[:, :-1] >= cells[:, :-1] * kept[:-1]).all()


def test_rare_categories_are_all_others() -> None:
    """And what nobody has seen is, too; so are missing ones."""
    table = columns()
    job = list(table["job"])
    job[::70], job[1::900] = ["pilot"] * len(job[::70]), [None] * len(job[1::900])
    found = run(datasets({**table, "job": job}, "bad"), [STACK, BAYES], label="bad")["north"]
    model = found.last.models["bayes"]
    jobs, grades = model.found.categories
    assert set(jobs.known) == set(JOBS)
    assert jobs.shares.sum(axis=1) == pytest.approx([1, 1])
    assert set(grades.known) == set("0123")
    frame = found.frames["all"]
    odd = ["pilot", None, "nobody", *["nurse"] * (frame.rows - 3)]
    other = frame.replaced([("job", pipeline.pa.chunked_array([pipeline.pa.array(odd, "large_string")]))])
    scores, same = model.scores(other), model.scores(frame)
    weights = np.log(jobs.shares[1] / jobs.shares[0])
    before = [
        weights[(*jobs.known, None).index(one) if one in jobs.known else -1]
        for one in frame.column(EACH, "job").to_pylist()[:3]
    ]
    odds = [np.log(one / (1 - one)) for one in (scores[:3], same[:3])]
    assert odds[0] - odds[1] == pytest.approx(weights[-1] - np.array(before))


def test_several_classes() -> None:
    """Each party's rows are evaluated with all others."""
    random = np.random.default_rng(4)
    label = random.integers(0, 3, ROWS)
    table = {
        "size": random.normal(2.0 * label, 1.0),
        "kind": np.where(random.random(ROWS) < 0.5, random.integers(0, 3, ROWS), label),
        "bad": label,
    }
    steps = [
        STACK,
        ("bayes", NaiveBayes(), {"classes": 3, "categorical": ["each.kind"]}),
        EVALUATE,
        ("report", Report(), {}),
    ]
    found = run(datasets(table, "bad"), steps, label="bad", min_group=5)["west"]
    codes = table["kind"][:, None]
    counted = CategoricalNB(min_categories=[4]).fit(codes, label)
    both = GaussianNB().fit(table["size"][:, None], label).predict_joint_log_proba(table["size"][:, None])
    both += counted.predict_joint_log_proba(codes) - counted.class_log_prior_
    shares = np.exp(both - both.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    model, frame = found.last.models["bayes"], found.frames["all"]
    expected = dict(zip(table["size"].tolist(), shares.tolist(), strict=True))
    rows = frame.matrix(("size",))[:, 0].tolist()
    assert model.shares(frame) == pytest.approx(np.array([expected[row] for row in rows]), abs=1e-9)
    told = json.loads(found.published["metrics/metrics.json"])
    assert told["accuracy"] == pytest.approx((both.argmax(axis=1) == label).mean())
    assert np.array_equal(load_model(found.published["model/bayes.model"]).shares(frame), model.shares(frame))
    public = NaiveBayes().public_facts(model.facts)
    assert NaiveBayes().facts_again(model.params, public) == model.facts
    page = found.published["report/report.html"].decode()
    assert "label 2" in page
    assert f"{np.bincount(label)[2]:,}" in page


def changed(content: bytes, **header: Any) -> bytes:
    magic, _, rest = content.partition(b"\n")
    length = int.from_bytes(rest[:4], "little")
    known, body = parse_json(rest[4 : 4 + length], limit=length), rest[4 + length :]
    body = header.pop("body", body)
    text = canonical({**known, **header, "body_size": len(body), "body_digest": digest(body)})
    written: bytes = magic + b"\n" + len(text).to_bytes(4, "little") + text + body
    return written


def test_files_that_are_no_models() -> None:
    content = usual()["west"].published["model/bayes.model"]
    model = load_model(content)
    assert model.to_bytes() == content == changed(content)
    assert repr(model) == "<Bayes of 2 numbers and 2 columns of categories>"
    size = 8 * (8 + 2 * 5 + 2 * 5)
    numbers = np.frombuffer(content[-size:], "<f8")
    jobs, grades = (list(one.known) for one in model.found.categories)

    def with_number(place: int, value: float) -> bytes:
        broken = numbers.copy()
        broken[place] = value
        return changed(content, body=broken.tobytes())

    for wrong in (
        b"",
        content[:-1],
        content + b"\0",
        content.replace(b"bayes", b"neural", 1),
        changed(content, body=content[-size:-8]),
        changed(content, body=content[-size:-3]),
        with_number(0, np.inf),
        with_number(4, 0.0),  # a variance
        with_number(8, 0.9),  # a share, of which the sum is not 1 any more
        with_number(8, -numbers[8]),
        changed(content, rows=[0, 5]),
        changed(content, rows=[5]),
        changed(content, rows=[5, 5, 5]),
        changed(content, more=1),
        changed(content, categories=[None, jobs, None]),
        changed(content, categories=[None, [*jobs[:3], jobs[0]], None, grades]),
        changed(content, categories=[None, [1, 2, 3, 4], None, grades]),
        changed(content, categories=[None, jobs, grades, None]),
        changed(content, params={"alpha": 0}),
        changed(content, columns={"each": ["income", "job", "rate"]}),
    ):
        with pytest.raises(CoterieError, match="CT-3053"):
            load_model(wrong)


def test_a_saved_model_is_the_model_of_its_features_alone() -> None:
    outcome, component = usual()["west"], NaiveBayes()
    model: Bayes = outcome.last.models["bayes"]
    public = component.public_facts(model.facts)
    assert component.facts_again(model.params, public) == model.facts
    kept = component.kept_model(model)
    assert component.model_again(kept, model.facts).to_bytes() == kept
    with pytest.raises(CoterieError, match="CT-3053"):
        component.model_again(kept, component.facts_again(NaiveBayesParams(), public))


@pytest.mark.parametrize(
    ("code", "params", "table"),
    [
        ("CT-3082", {"categorical": ["each.none"]}, {}),
        ("CT-3285.*'rate'", {"categorical": ["each.rate"]}, {}),
        ("CT-3286", {}, {"bad": (np.arange(ROWS) % 150 == 0).astype(np.int64)}),
        ("CT-3016", {}, {"bad": np.zeros(ROWS, np.int64)}),
        ("CT-1502", {}, {"bad": np.arange(ROWS) % 3}),
        ("CT-3083.*from 0 to 2", {"classes": 3}, {"bad": np.arange(ROWS) % 4}),
        # Nearly all of label 1 are north's.
        ("CT-3235", {}, {"bad": (np.arange(ROWS) // 400 == 2).astype(np.int64)}),
        ("CT-3027.*'rate'", {}, {"rate": np.where(np.arange(ROWS) == 7, np.nan, 1.0)}),
        ("CT-3025", {}, {"rate": np.ones(ROWS), "income": np.ones(ROWS), "grade": np.ones(ROWS)}),
        ("CT-3287.*'rate'", {"smoothing": 0}, {"rate": np.ones(ROWS)}),
    ],
)
def test_what_does_not_fit_is_refused(code: str, params: Any, table: Any) -> None:
    with pytest.raises(CoterieError, match=code) as caught:
        run(datasets({**columns(), **table}, "bad"), [STACK, ("one", NaiveBayes(), params)], label="bad")
    assert caught.value.step == "one"


@pytest.mark.parametrize(
    "params",
    [
        {"alpha": 0},
        {"prior": 1},
        {"prior": 0.5, "classes": 3},
        {"categories": 0},
        {"smoothing": -1},
        {"categorical": ["job"]},
    ],
)
def test_parameters_that_cannot_be(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NaiveBayesParams.model_validate(params)
