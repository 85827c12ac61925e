"""stability, compare and decide as a job runs them: in the clear, and between two and three parties."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.compare import Compare, Comparison
from coterie.learn.component import StepPlan
from coterie.learn.decide import Decide, Decided
from coterie.learn.evaluate import Evaluate, Evaluation
from coterie.learn.glm import Glm
from coterie.learn.logistic import Logistic, LogisticParams
from coterie.learn.split import Split
from coterie.learn.stability import Stability, Stable
from coterie.learn.standardize import Standardize

from .pipeline import Outcome, dataset, people, run
from .test_plan_bounds import NETWORKS, around, beyond

ROWS = 2400
BEFORE = (("align", Align(), {}), ("split", Split(), {"test": 0.5}), ("standardize", Standardize(), {}))
MODEL = ("logistic", Logistic(), {"l2": 0.01, "passes": 4})
WEAKER = ("weaker", Logistic(), {"l2": 3.0, "passes": 2})
NAMES = ("lender", "payments", "telecom")
STEPS = (
    *BEFORE,
    WEAKER,
    MODEL,
    ("stability", Stable(), {}),
    ("compare", Compare(), {"exposure": "lender.income", "margin": 0.1, "loss_given_default": 0.45}),
    ("other", Compare(), {"against": "weaker"}),
    ("decide", Decide(), {"max_bad_rate": 0.12, "min_approval": 0.3, "manual": 0.1, "loss_cap": 100.0}),
    ("evaluate", Evaluate(), {"segments": ("lender.region", "lender.age"), "tell_segments": True}),
)


@functools.cache
def table() -> tuple[list[str], dict[str, Any]]:
    ids, random = people(ROWS, 4)
    x: dict[str, Any] = {name: random.normal(size=ROWS) for name in ("age", "spent", "late", "calls")}
    x["income"] = random.lognormal(3, 0.5, ROWS)
    x["region"] = random.choice(4, ROWS, p=(0.5, 0.3, 0.19, 0.01))
    odds = -1.2 + 0.5 * x["age"] - 0.02 * x["income"] + 0.6 * x["spent"] + 1.3 * x["late"] + 0.2 * x["calls"]
    x["bad"] = (random.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(int)
    return ids, x


def pick(*names: str) -> Any:
    ids, x = table()
    return dataset(ids, {name: x[name] for name in names}, label="bad")


OWN = {"lender": ("age", "income", "region", "bad"), "payments": ("spent", "late"), "telecom": ("calls",)}


@functools.cache
def between(count: int) -> dict[str, Outcome]:
    """The whole pipeline; run once, looked at by many tests. One party has all columns in the clear."""
    if count == 1:
        given = {"lender": pick(*OWN["lender"], *OWN["payments"], *OWN["telecom"])}
        steps = tuple(one for one in STEPS if one[0] != "compare")
    else:
        given, steps = {name: pick(*OWN[name]) for name in NAMES[:count]}, STEPS
    receivers = {"scores": ("lender",), "metrics": tuple(given)}
    engine: Any = {"engine": "clear"} if count == 1 else {"dealer": "hub"}
    return run(given, steps, label="bad", label_holder="lender", receivers=receivers, **engine)


def document(outcome: Outcome, step: str) -> Any:
    kinds = {"stability": Stability, "compare": Comparison, "other": Comparison, "decide": Decided}
    return kinds[step].model_validate_json(outcome.published[f"metrics/{step}.metrics.json"])


def truth(outcome: Outcome, model: str, frame: str) -> tuple[Any, Any]:
    return outcome.frames[frame].labels(), outcome.last.scores[model, frame]


@pytest.mark.parametrize("count", [2, 3])
def test_scores_are_computed_once_in_a_job(count: int) -> None:
    plans = between(count)["hub"].plans
    scoring = {
        step: [one.what for one in plan.reveals if one.kind == "scores"] for step, plan in plans.items()
    }
    assert scoring["stability"] == [
        "the score of each row of 'train' by 'logistic'",
        "the score of each row of 'test' by 'logistic'",
    ]
    assert scoring["other"] == ["the score of each row of 'test' by 'weaker'"]
    assert not scoring["compare"] + scoring["decide"] + scoring["evaluate"]
    for step in ("compare", "decide", "evaluate"):
        assert set(plans[step].sent) == {"lender"}


@pytest.mark.parametrize("step", ["stability", "other", "decide"])
def test_parties_measure_what_one_table_gives(step: str) -> None:
    clear, joint = (document(between(count)["lender"], step) for count in (1, 3))
    if step == "stability":
        assert joint.score.psi == pytest.approx(clear.score.psi, abs=1e-2)
        psi = {(one.column): one.psi for one in clear.features}
        assert {(one.column): one.psi for one in joint.features} == pytest.approx(psi, abs=1e-12)
    elif step == "other":
        assert joint.auc.difference == pytest.approx(clear.auc.difference, abs=2e-3)
        assert joint.first.auc == pytest.approx(clear.first.auc, abs=2e-3)
    else:
        assert joint.zones[0].share == pytest.approx(clear.zones[0].share, abs=0.1)
        assert [one.decision for one in joint.zones] == ["approve", "manual", "refuse"]


@pytest.mark.parametrize("count", [2, 3])
def test_owners_see_bins_of_their_own_columns_alone(count: int) -> None:
    outcomes = between(count)
    for name in NAMES[:count]:
        found = document(outcomes[name], "stability")
        assert [(one.party, one.column) for one in found.features] == [
            (party, column) for party in NAMES[:count] for column in OWN[party] if column != "bad"
        ]
        for feature in found.features:
            assert bool(feature.shown) == (feature.party == name)
            if feature.shown:
                assert feature.psi == round(sum(one.psi for one in feature.shown), 4)
                assert sum(one.rows for one in feature.shown) == outcomes[name].frames["test"].rows
                assert all(one.base_rows >= 20 for one in feature.shown)
        assert found.score is not None
        assert found.score.bins
    assert outcomes["hub"].published == {}


def test_the_comparison_is_of_the_scores() -> None:
    lender = between(3)["lender"]
    found = document(lender, "other")
    labels, first = truth(lender, "logistic", "test")
    second = lender.last.scores["weaker", "test"]
    assert found.first.auc == pytest.approx(roc_auc_score(labels, first), abs=1e-12)
    assert found.second.auc == pytest.approx(roc_auc_score(labels, second), abs=1e-12)
    assert (found.first.name, found.second.name) == ("logistic", "weaker")
    alone = document(lender, "compare")
    assert alone.second.name == "own columns alone"
    assert alone.second.auc == pytest.approx(
        roc_auc_score(labels, lender.last.scores["logistic alone", "test"]), abs=1e-12
    )
    assert alone.auc.difference > 0.05
    assert alone.auc.p_value < 1e-4
    assert sum(map(sum, alone.reclassification.positives)) == labels.sum()
    told = Evaluation.model_validate_json(lender.published["metrics/metrics.json"])
    assert told.auc_gain == alone.auc.difference
    assert told.auc_gain_p == alone.auc.p_value


def test_losses_are_of_the_exposure_as_the_dataset_has_it() -> None:
    lender = between(2)["lender"]
    found = document(lender, "compare")
    labels, scores = truth(lender, "logistic", "test")
    data = lender.last.dataset
    assert data is not None
    keys = [bytes(key) for key in data.keyed_ids(lender.last.id_key)]
    by_key = dict(zip(keys, table()[1]["income"], strict=True))
    exposure = np.array([by_key[bytes(key)] for key in lender.frames["test"].keys])
    for one in found.at_equal_approval:
        rows = one.target * len(labels)
        order = np.argsort(scores, kind="stable")
        taken = order[: int(rows)]
        part = rows - int(rows)
        lost = (exposure * labels)[taken].sum() + part * (exposure * labels)[order[int(rows)]]
        earned = (exposure * (1 - labels))[taken].sum() + part * (exposure * (1 - labels))[order[int(rows)]]
        assert one.first.loss == pytest.approx(0.45 * lost)
        assert one.first.profit == pytest.approx(0.1 * earned - 0.45 * lost)
        assert one.first.bad_rate < one.second.bad_rate


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("step", ["compare", "other", "decide"])
def test_others_are_told_groups_of_the_agreed_size(count: int, step: str) -> None:
    outcomes = between(count)
    whole, guarded = (document(outcomes[name], step) for name in ("lender", "payments"))
    assert (whole.guarded, guarded.guarded) == (False, True)
    if step == "decide":
        assert guarded.model_copy(update={"guarded": False}) == whole
        for one in (*guarded.bands, *(zone for zone in guarded.zones if zone.rows)):
            assert min(one.positives, one.rows - one.positives) >= 20
        return
    assert guarded.auc == whole.auc
    assert (guarded.reclassification.positives, guarded.reclassification.negatives) == ((), ())
    positives = guarded.reclassification.nri_positives * guarded.positives
    assert positives / 20 == pytest.approx(round(positives / 20))
    assert guarded.reclassification.nri_positives == pytest.approx(
        whole.reclassification.nri_positives, abs=10 / guarded.positives
    )
    assert guarded.reclassification.idi == whole.reclassification.idi
    for cell in (guarded.swap.both, guarded.swap.swapped_in) if guarded.swap else ():
        assert not cell.rows or min(cell.positives, cell.rows - cell.positives) >= 20


def test_decisions_are_what_the_cut_offs_make_of_the_rows() -> None:
    lender = between(3)["lender"]
    found = document(lender, "decide")
    labels, scores = truth(lender, "logistic", "test")
    approved, refused = scores < found.approve, scores >= found.refuse
    for zone, rows in zip(found.zones, (approved, ~approved & ~refused, refused), strict=True):
        assert (zone.rows, zone.positives) == (rows.sum(), labels[rows].sum())
        assert zone.predicted == (pytest.approx(scores[rows].mean()) if rows.any() else None)
        limits = [band.limit * band.rows for band in found.bands if band.decision == zone.decision]
        assert zone.limit == pytest.approx(sum(limits))
    assert found.zones[0].rate <= 0.12
    assert [one.name for one in found.targets] == ["max_bad_rate", "min_approval", "manual"]
    assert all(one.met for one in found.targets)
    for band in found.bands:
        assert band.limit * max(band.rate, band.predicted) <= 100.0


def test_segments_are_told_where_the_job_says_so() -> None:
    outcomes = between(2)
    found = [
        Evaluation.model_validate_json(outcomes[name].published["metrics/metrics.json"]) for name in NAMES[:2]
    ]
    assert found[0].segments == found[1].segments
    region, age = found[0].segments
    assert (region.column, age.column) == ("lender.region", "lender.age")
    assert {one.name for one in region.segments} == {"0", "1", "2", "other"} or len(region.segments) == 3
    assert len(age.segments) == 5
    for one in (*region.segments, *age.segments):
        assert min(one.positives, one.rows - one.positives) >= 20


GIVEN = {"approve": 0.2, "refuse": 0.4}


def test_where_nobody_is_told_nothing_is_sent_but_scores() -> None:
    given = {name: pick(*OWN[name]) for name in NAMES[:2]}
    steps = (
        *BEFORE,
        MODEL,
        ("evaluate", Evaluate(), {}),
        ("decide", Decide(), {"approve": 0.2, "refuse": 0.4}),
    )
    receivers = {"metrics": ("lender",)}
    outcomes = run(given, steps, label="bad", label_holder="lender", dealer="hub", receivers=receivers)
    assert outcomes["hub"].plans["decide"].sent == {}
    found = document(outcomes["lender"], "decide")
    assert (found.approve, found.refuse, found.guarded) == (0.2, 0.4, False)
    assert outcomes["payments"].published == {}


TOLD = {"metrics": ("lender",)}
NUMBERS = ("glm", Glm(), {"family": "poisson"})


@pytest.mark.parametrize(
    ("step", "steps", "receivers", "code"),
    [
        (("decide", Decide(), {"approve": 0.2}), (*BEFORE, MODEL), {}, "CT-3136"),
        (("decide", Decide(), {"approve": 0.2}), BEFORE, TOLD, "CT-3002"),
        (
            ("decide", Decide(), {"approve": 0.2}),
            (BEFORE[0], BEFORE[2], MODEL),
            TOLD,
            "CT-3001",
        ),
        (("decide", Decide(), {"approve": 0.2}), (*BEFORE, NUMBERS), TOLD, "CT-3033"),
        (
            ("decide", Decide(), {"approve": 0.4, "refuse": 0.2}),
            (*BEFORE, MODEL),
            TOLD,
            "CT-3170",
        ),
        (("compare", Compare(), {}), (*BEFORE, MODEL), {}, "CT-3136"),
        (("compare", Compare(), {}), (*BEFORE, MODEL), TOLD, "CT-3168"),
        (
            ("compare", Compare(), {"against": "logistic"}),
            (*BEFORE, MODEL),
            TOLD,
            "CT-3168",
        ),
        (("compare", Compare(), {"against": "other"}), (*BEFORE, MODEL), TOLD, "CT-3002"),
        (
            ("compare", Compare(), {"against": "weaker", "exposure": "payments.spent"}),
            (*BEFORE, WEAKER, MODEL),
            TOLD,
            "CT-3167",
        ),
        (
            ("compare", Compare(), {"against": "weaker", "exposure": "lender.age"}),
            (*BEFORE, WEAKER, MODEL),
            TOLD,
            "CT-3169",
        ),
        (
            ("compare", Compare(), {"against": "weaker"}),
            (*BEFORE, WEAKER, NUMBERS),
            TOLD,
            "CT-3033",
        ),
        (("stability", Stable(), {}), (*BEFORE, MODEL), {}, "CT-3136"),
        (("stability", Stable(), {"frame": "later"}), (*BEFORE, MODEL), TOLD, "CT-3001"),
        (("stability", Stable(), {"model": "split"}), (*BEFORE, MODEL), TOLD, "CT-3002"),
        (
            ("stability", Stable(), {}),
            (*BEFORE, MODEL),
            {"metrics": ("lender",), "scores": ("lender", "payments")},
            "CT-3030",
        ),
        (("evaluate", Evaluate(), {"segments": ("lender.bad",)}), (*BEFORE, MODEL), {}, "CT-3167"),
    ],
)
def test_what_does_not_fit_is_refused(
    step: Any, steps: Any, receivers: Mapping[str, tuple[str, ...]], code: str
) -> None:
    given = {"lender": pick(*OWN["lender"], *OWN["payments"])}
    with pytest.raises(CoterieError) as caught:
        run(given, (*steps, step), label="bad", label_holder="lender", engine="clear", receivers=receivers)
    assert caught.value.code == code
    assert caught.value.step == step[0]


def test_others_are_not_told_of_too_few_rows() -> None:
    given = {name: pick(*OWN[name]) for name in NAMES[:2]}
    steps = (*BEFORE, MODEL, ("decide", Decide(), {"max_bad_rate": 0.2}))
    receivers = {"metrics": ("lender", "payments")}
    with pytest.raises(CoterieError) as caught:
        run(
            given,
            steps,
            label="bad",
            label_holder="lender",
            dealer="hub",
            receivers=receivers,
            min_group=ROWS // 2,
        )
    assert (caught.value.code, caught.value.step) == ("CT-3166", "decide")


def test_features_alone_are_compared_without_a_model() -> None:
    given = {name: pick(*OWN[name]) for name in NAMES[:2]}
    outcomes = run(
        given,
        (*BEFORE, ("stability", Stable(), {})),
        label="bad",
        label_holder="lender",
        dealer="hub",
        receivers={"metrics": ("payments",)},
    )
    found = json.loads(outcomes["payments"].published["metrics/stability.metrics.json"])
    assert found["score"] is None
    assert [bool(one["shown"]) for one in found["features"]] == [False] * 3 + [True] * 2
    assert set(outcomes["hub"].plans["stability"].sent) == {"lender"}


def judging(rows: int, network: Any, count: int) -> list[StepPlan]:
    """Plans of a job that has trained on so many rows."""
    context = around(rows, network, "stream", count)
    context.step = "weaker"
    Logistic().plan(context, LogisticParams(passes=1))
    context.step = "logistic"
    Logistic().plan(context, LogisticParams(passes=1))
    plans = []
    for step, component, params in (
        ("stability", Stable(), {}),
        ("compare", Compare(), {}),
        ("other", Compare(), {"against": "weaker"}),
        ("decide", Decide(), {"max_bad_rate": 0.1}),
        ("evaluate", Evaluate(), {}),
    ):
        context.step = step
        plans.append(component.plan(context, component.Parameters.model_validate(params)))  # type: ignore[arg-type]
    return plans


@given(
    most=st.integers(200, 1 << 20),
    share=st.floats(0.01, 1, exclude_max=True),
    network=st.sampled_from(NETWORKS),
    count=st.sampled_from((2, 3)),
)
@settings(max_examples=15)
def test_fewer_rows_need_no_more(most: int, share: float, network: Any, count: int) -> None:
    plans = (judging(rows, network, count) for rows in (max(100, int(most * share)), most))
    for need, bound in zip(*plans, strict=True):
        assert not beyond(need, bound)
        assert (need.results, need.statement) == (bound.results, bound.statement)
