"""The component: plan, run, model, scores, refusals. Every participant in a thread of its own."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.component import Component, Engine, Params, PlanContext, RunContext, StepPlan
from coterie.learn.logistic import (
    ClearModel,
    Logistic,
    LogisticParams,
    ModelFacts,
    SharedModel,
    load_model,
    score_plan,
    score_run,
)
from coterie.learn.logistic.design import design
from coterie.learn.logistic.mpc import training
from coterie.learn.split import Split
from coterie.learn.standardize import Standardize
from coterie.mpc import trace

from .pipeline import Outcome, dataset, people, run

Floats = NDArray[np.float64]
PARTIES = ("lender", "payments", "telecom")


class Scores(Component[Params]):
    """Scores a frame and keeps them: what `evaluate` begins with."""

    name: ClassVar[str] = "scores"
    summary: ClassVar[str] = ""
    Parameters: ClassVar = Params
    engines: ClassVar[frozenset[Engine]] = frozenset({"mpc"})

    def __init__(self, to: tuple[str, ...] = ("lender",), frame: str = "test") -> None:
        self.to, self.frame = to, frame

    def plan(self, context: PlanContext, params: Params) -> StepPlan:
        return score_plan(context, "logistic", self.frame, self.to)

    def run(self, context: RunContext, params: Params) -> None:
        context.models[context.step] = score_run(context, "logistic", self.frame, self.to)


def cancer(rows: int = 569) -> tuple[Floats, NDArray[np.int64], list[str]]:
    features, labels = load_breast_cancer(return_X_y=True)
    return features[:rows, :12], labels[:rows], people(rows)[0]


def tables(parties: int, change: Mapping[str, Any] | None = None, rows: int = 569) -> dict[str, Any]:
    """Columns dealt out to the parties in turn; the first holds the label."""
    features, labels, ids = cancer(rows)
    columns: dict[str, dict[str, Any]] = {name: {} for name in PARTIES[:parties]}
    for j in range(features.shape[1]):
        columns[PARTIES[j % parties]][f"c{j}"] = features[:, j]
    columns["lender"]["benign"] = labels
    for name, values in (change or {}).items():
        owner = next(owner for owner, own in columns.items() if name in own)
        columns[owner][name] = values
    return {name: dataset(ids, own, label="benign") for name, own in columns.items()}


def train(
    parties: int = 2,
    params: Mapping[str, Any] | None = None,
    *,
    change: Mapping[str, Any] | None = None,
    before: tuple[Any, ...] = (("standardize", Standardize(), {}),),
    after: tuple[Any, ...] = (),
    align: bool = True,
    **more: Any,
) -> dict[str, Outcome]:
    engine = "clear" if parties == 1 else "mpc"
    steps = (
        *((("align", Align(), {}),) if align else ()),
        ("split", Split(), {"test": 0.3}),
        *before,
        ("logistic", Logistic(), {"l2": 0.05, "max_logit": 20, **(params or {})}),
        *after,
    )
    return run(
        tables(parties, change),
        steps,
        label="benign",
        label_holder="lender",
        engine=engine,
        dealer=None if parties == 1 else "hub",
        **more,
    )


class Frames(Align):
    """Takes the rows as they are, where they are the same: without a message, and in every engine."""

    ends_stage: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: Any) -> StepPlan:
        from coterie.learn.component import FrameShape

        rows = min(context.dataset_rows.values())
        context.frames["all"] = FrameShape(rows, context.columns, context.label_holder, context.label)
        return StepPlan(context.step, self.name, {})

    def run(self, context: RunContext, params: Any) -> None:
        from coterie.data import VerticalFrame

        if context.dataset is None:
            return
        keys = context.dataset.keyed_ids(context.id_key)
        facts = context.planning
        context.frames["all"] = VerticalFrame(
            len(keys),
            facts.columns,
            facts.label_holder,
            facts.label,
            {context.me: context.dataset.table},
            keys,
        )


def coefficients(outcome: Outcome) -> dict[str, Any]:
    found = json.loads(outcome.published["coefficients/logistic.coefficients.json"])
    assert isinstance(found, dict)
    return found


def flat(found: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for owned in found["coefficients"].values() for name, value in owned.items()}


def pooled(params: Mapping[str, Any]) -> dict[str, float]:
    """The same optimiser in float64, at one party with all columns."""
    return flat(coefficients(train(1, params, receivers={"coefficients": ("lender",)})["lender"]))


def test_in_the_clear_it_is_scikit_learn() -> None:
    receivers = {"coefficients": ("lender",), "model": ("lender",)}
    outcome = train(1, {"passes": 1000}, receivers=receivers)["lender"]
    frame = outcome.frames["train"]
    names = frame.columns["lender"]
    features, labels = frame.matrix(names), frame.labels()
    best = LogisticRegression(C=1 / (0.05 * len(labels)), tol=1e-10, max_iter=10_000).fit(features, labels)
    found = coefficients(outcome)
    assert [flat(found)[name] for name in names] == pytest.approx(best.coef_[0], abs=1e-4)
    assert found["intercept"] == pytest.approx(best.intercept_[0], abs=1e-4)
    assert outcome.plans["logistic"].sent == {}
    model = load_model(outcome.published["model/logistic.model"])
    assert isinstance(model, ClearModel)
    assert model.logits(features) == pytest.approx(best.decision_function(features), abs=1e-3)


@pytest.mark.parametrize(("optimizer", "parties"), [("nesterov", 2), ("gradient_descent", 3)])
def test_parties_together_train_what_one_would(parties: int, optimizer: str) -> None:
    """Any cut has the same optimum, which "nesterov" reaches; plain steps do not even depend on the cut."""
    given_params: dict[str, Any] = {"passes": 60, "l2": 0.2}
    if optimizer == "gradient_descent":
        given_params = {"passes": 40, "optimizer": optimizer, "learning_rate": 0.5}
    outcomes = train(parties, given_params, receivers={"coefficients": ("lender",)})
    assert flat(coefficients(outcomes["lender"])) == pytest.approx(pooled(given_params), abs=2e-3)
    assert all(not outcomes[name].published for name in outcomes if name != "lender")
    facts = [reveal for reveal in outcomes["hub"].plans["logistic"].reveals if reveal.kind]
    assert [(reveal.kind, reveal.to, reveal.values) for reveal in facts] == [
        ("coefficients", ("lender",), 13)
    ]


@pytest.mark.parametrize("parties", [2, 3])
def test_scores_go_to_the_named_party_and_are_right(parties: int) -> None:
    after = (("scores", Scores(), {}),)
    outcomes = train(parties, after=after, receivers={"coefficients": ("lender",)})
    scores = outcomes["lender"].last.models["scores"]
    assert all(outcomes[name].last.models["scores"] is None for name in outcomes if name != "lender")
    names = PARTIES[:parties]
    frames = {name: outcomes[name].frames["test"] for name in names}
    found = coefficients(outcomes["lender"])
    logits = found["intercept"] + sum(
        frames[name].matrix([column]) @ [found["coefficients"][name][column]]
        for name in names
        for column in frames[name].columns[name]
    )
    assert scores == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-4)
    assert roc_auc_score(frames["lender"].labels(), scores) > 0.97
    plan = outcomes["hub"].plans["scores"]
    assert [(reveal.kind, reveal.to, reveal.values) for reveal in plan.reveals] == [
        ("scores", ("lender",), len(scores))
    ]
    assert plan.digest is not None


def test_without_receivers_the_model_stays_shared() -> None:
    outcomes = train(2, receivers={"model": ("payments",)})
    plan = outcomes["hub"].plans["logistic"]
    assert [reveal.kind for reveal in plan.reveals] == [None]
    assert plan.results == {"model": ("payments",)}
    assert outcomes["lender"].published == {}
    stored = load_model(outcomes["payments"].published["model/logistic.model"])
    models = [outcomes[name].last.models["logistic"] for name in ("lender", "payments")]
    assert isinstance(stored, SharedModel)
    assert (stored.facts, stored.party) == (models[1].facts, "payments")
    assert stored.shares.tolist() == models[1].shares.tolist()
    for model in models:
        assert len(set(np.abs(model.shares.view(np.int64) >> 40).tolist())) > 8  # random on its own
        assert "shares" not in repr(model)
    whole = (models[0].shares + models[1].shares).view(np.int64) / 2.0**20
    assert np.abs(whole).max() < 5


def test_plans_are_equal_and_follow_the_parameters() -> None:
    digests = [
        train(2, params)["hub"].plans["logistic"].digest
        for params in (
            {"passes": 3},
            {"passes": 3},
            {"passes": 4},
            {"passes": 3, "l2": 0.06},
            {"passes": 3, "l2": 0.0},
            {"passes": 3, "max_logit": 10, "l2": 5.0},
        )
    ]
    assert digests[0] == digests[1]
    assert (
        len(set(digests)) == 4
    )  # how much is penalised is each owner's doing; the tape shows only that it is


def wrong(column: str, make: Callable[[Any], Any]) -> dict[str, Any]:
    features, labels, _ = cancer()
    values = labels if column == "benign" else features[:, int(column[1:])]
    return {column: make(values.astype(float) if column != "benign" else values)}


def planted(value: float) -> Callable[[Any], Any]:
    def make(values: Any) -> Any:
        values = np.array(values)
        values[5:9] = value
        return values

    return make


class Bound(Standardize):
    """Claims a bound without scaling anything: lets bad values through to training."""

    def run(self, context: RunContext, params: Any) -> None:
        return


UNSCALED = (("claim", Bound(), {"clip": 64}),)
STEEP = {"optimizer": "gradient_descent", "learning_rate": 60, "l2": 0.0}


@pytest.mark.parametrize("engine_parties", [1, 2])
@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        (wrong("c4", planted(float("nan"))), "CT-3027", "'c4'"),
        (wrong("c4", planted(float("inf"))), "CT-3028", "'c4'"),
        (wrong("c4", lambda values: np.full_like(values, 3.5)), "CT-3051", "'c4'"),
        (wrong("benign", lambda labels: labels + np.arange(569) % 2), "CT-1502", "'benign'"),
    ],
)
def test_bad_columns_are_refused_by_code(
    change: dict[str, Any], code: str, named: str, engine_parties: int
) -> None:
    with pytest.raises(CoterieError) as caught:
        train(engine_parties, change=change, before=UNSCALED)
    assert caught.value.code == code
    assert named in str(caught.value)
    assert "3.5" not in str(caught.value)


def test_a_value_beyond_the_bound_is_refused() -> None:
    """Plain gradient descent trains on what the frame's bound promises."""
    features, _, _ = cancer()
    with pytest.raises(CoterieError) as caught:
        train(2, {"optimizer": "gradient_descent"}, before=UNSCALED)
    assert np.abs(features).max() > 64
    assert (caught.value.code, caught.value.step) == ("CT-2102", "logistic")


def test_one_label_value_is_refused() -> None:
    class Skewed(Bound):
        """After the split, so that the split's own check does not find it."""

        def run(self, context: RunContext, params: Any) -> None:
            from dataclasses import replace

            import pyarrow as pa

            for name, frame in context.frames.items():
                if "benign" in frame.table.column_names:
                    place = frame.table.column_names.index("benign")
                    ones = pa.array(np.ones(frame.rows, np.int64))
                    table = frame.table.set_column(place, "benign", ones)
                    context.frames[name] = replace(frame, parts={frame.owner: table})

    with pytest.raises(CoterieError) as caught:
        train(2, before=(("standardize", Standardize(), {}), ("skew", Skewed(), {"clip": 5})))
    assert caught.value.code == "CT-3016"


@pytest.mark.parametrize(
    ("parties", "options", "code"),
    [
        (2, {"before": ()}, "CT-3050"),
        (2, {"align": False}, "CT-3001"),
        (2, {"before": UNSCALED, "params": {**STEEP, "passes": 1000}}, "CT-2101"),
        (2, {"params": STEEP}, "CT-2108"),
    ],
)
def test_what_cannot_be_trained_is_refused(parties: int, options: dict[str, Any], code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        train(parties, **options)
    assert caught.value.code == code
    assert caught.value.step is not None


def test_the_clear_engine_refuses_two_parties() -> None:
    with pytest.raises(CoterieError, match="CT-3052"):
        run(
            tables(2),
            (("align", Frames(), {}), ("standardize", Standardize(), {}), ("logistic", Logistic(), {})),
            label="benign",
            label_holder="lender",
            engine="clear",
        )


@pytest.mark.parametrize(
    ("scores", "code"), [(Scores(frame="holdout"), "CT-3001"), (Scores(to=("stranger",)), "CT-2109")]
)
def test_scores_that_cannot_be_are_refused(scores: Scores, code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        train(2, after=(("scores", scores, {}),))
    assert caught.value.code == code


# The stored form

NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)


@given(
    st.dictionaries(NAMES, st.lists(NAMES, max_size=3).map(tuple), max_size=3), st.booleans(), st.randoms()
)
def test_models_survive_as_bytes(columns: dict[str, tuple[str, ...]], intercept: bool, random: Any) -> None:
    facts = ModelFacts(columns, 20, 56.0, LogisticParams(intercept=intercept))
    words = np.array([random.getrandbits(64) for _ in range(facts.size)], np.uint64)
    back = load_model(SharedModel(facts, "lender", words).to_bytes())
    assert isinstance(back, SharedModel)
    assert (back.facts, back.party, back.shares.tolist()) == (facts, "lender", words.tolist())
    assert list(back.facts.columns) == list(columns)
    values = np.array([random.uniform(-9, 9) for _ in range(facts.size)])
    clear = load_model(ClearModel.of(facts, values).to_bytes())
    assert isinstance(clear, ClearModel)
    assert clear.weights.tolist() == values[: facts.width].tolist()


@contextmanager
def suppress_only(code: str) -> Iterator[None]:
    """One coded error is fine, and so is none; anything else is not."""
    try:
        yield
    except CoterieError as error:
        if error.code != code:
            raise


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_other_bytes_are_no_model(noise: bytes, place: int, byte: int) -> None:
    facts = ModelFacts({"lender": ("a", "b")}, 20, 56.0, LogisticParams())
    whole = SharedModel(facts, "lender", np.arange(3, dtype=np.uint64)).to_bytes()
    for wrong_bytes in (noise, whole + noise[:1] + b"x", whole[: min(place, len(whole) - 1)]):
        with pytest.raises(CoterieError, match="CT-3053"):
            load_model(wrong_bytes)
    changed = bytearray(whole)
    changed[place % len(whole)] = byte
    with suppress_only("CT-3053"):
        load_model(bytes(changed))


def test_a_plan_for_the_most_rows_bounds_that_for_fewer() -> None:
    """Or a job would be refused when it learns how many rows are common."""
    widths = {"lender": 3, "payments": 2}
    tapes = {}
    for rows in (40, 900, 1380, 1450, 30_000):
        numbers = design(rows, widths, 8.0, LogisticParams(passes=3))
        tapes[rows] = trace(training(numbers, "lender", ()), tuple(widths), "hub")
    for fewer, more in itertools.pairwise(tapes.values()):
        assert fewer.rounds == more.rounds
        for source, targets in more.sent.items():
            assert all(fewer.sent[source][target] <= count for target, count in targets.items())
