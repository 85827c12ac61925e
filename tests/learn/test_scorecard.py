"""Scorecards: points against scorecardpy, joint cards against pooled ones, what each party learns."""

from __future__ import annotations

import io
import itertools
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import scorecardpy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from coterie.errors import CoterieError
from coterie.learn import COMPONENTS
from coterie.learn.align import Align
from coterie.learn.binning import Bins, WoeFacts
from coterie.learn.component import StepPlan
from coterie.learn.evaluate import Evaluate
from coterie.learn.glm import Glm, GlmParams
from coterie.learn.logistic import Logistic, LogisticParams, ModelFacts
from coterie.learn.reasons import Reasons
from coterie.learn.scorecard import Scale, Scorecard, ScorecardFacts, ScorecardParams
from coterie.learn.scoring import score_plan
from coterie.learn.standardize import Standardize

from .card_data import GLM, OWNERS, ROWS, attested, joint, play, pooled, steps, tables, whole
from .pipeline import Outcome, Steps
from .test_plan_bounds import NETWORKS, around, beyond

Floats = NDArray[np.float64]


def part(outcome: Outcome, step: str = "card") -> dict[str, Any]:
    """Of the card, as the party was told it."""
    found: dict[str, Any] = json.loads(outcome.published[f"scorecard/{step}.scorecard.json"])
    return found


def points(*parts: Mapping[str, Any]) -> dict[str, list[float]]:
    return {one["name"]: [bin["points"] for bin in one["bins"]] for part in parts for one in part["columns"]}


def scores(outcome: Outcome) -> pd.DataFrame:
    return (
        pq.read_table(io.BytesIO(outcome.published["scores/scores.parquet"]))
        .to_pandas()
        .set_index("id")
        .sort_index()
    )


@pytest.fixture(scope="module")
def alone() -> Outcome:
    return whole(2)


def bins_of(outcome: Outcome) -> dict[str, Any]:
    found: Bins = outcome.last.models["woe"].states["lender"]
    return {one.name: one for one in found.columns}


def scorecardpy_bins(outcome: Outcome) -> pd.DataFrame:
    """The bins that were found, as scorecardpy writes bins."""
    rows = []
    for name, column in bins_of(outcome).items():
        if column.kind == "number":
            edges = np.array([-np.inf, *column.edges, np.inf])
            labels = [f"[{low},{high})" for low, high in itertools.pairwise(edges)]
        else:
            labels = [
                "%,%".join(k for k, v in column.categories.items() if v == i) for i in range(len(column.bins))
            ]
        labels += ["missing"] * (len(column.bins) - len(labels))
        rows += [(name, label, one.woe) for label, one in zip(labels, column.bins, strict=True)]
    return pd.DataFrame(rows, columns=["variable", "bin", "woe"])


def test_points_are_scorecardpys(alone: Outcome) -> None:
    card = part(alone)
    names = [one["name"] for one in card["columns"]]
    model = LogisticRegression()
    model.coef_ = np.array([[one["coefficient"] for one in card["columns"]]])
    model.intercept_ = [alone.last.models["glm"].intercept]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = scorecardpy.scorecard(
            scorecardpy_bins(alone),
            model,
            [f"{name}_woe" for name in names],
            points0=600,
            odds0=1 / 50,
            pdo=20,
        )
        raw = alone.last.datasets["lender"].table.to_pandas()
        total = scorecardpy.scorecard_ply(raw[names], theirs, replace_blank_na=False)["score"]
    assert theirs["basepoints"]["points"].iloc[0] == card["start"]
    for name, ours in points(card).items():
        assert theirs[name]["points"].tolist() == ours, name
    ids = alone.last.datasets["lender"].ids.to_pylist()
    given = pd.Series(total.to_numpy(), index=ids).sort_index()
    np.testing.assert_array_equal(given, scores(alone)["points"])
    assert given.nunique() > 50


@pytest.mark.parametrize("parties", [2, 3])
def test_a_joint_card_is_the_pooled_one(parties: int) -> None:
    outcomes = joint(parties)
    parts = {party: part(outcomes[party]) for party in OWNERS[parties]}
    assert points(*parts.values()) == points(part(whole(parties)))
    assert parts["lender"]["start"] == part(whole(parties))["start"]
    np.testing.assert_array_equal(scores(outcomes["lender"])["points"], scores(whole(parties))["points"])
    for party, names in OWNERS[parties].items():
        assert [one["name"] for one in parts[party]["columns"]] == list(names)
        assert (parts[party]["start"] is None) == (party != "lender")
    assert not outcomes["hub"].published


def test_points_with_decimals(alone: Outcome) -> None:
    found = points(*(part(joint(2)[party], "cents") for party in OWNERS[2]))
    rough, fine = points(part(alone)), points(part(alone, "cents"))
    for name, ours in found.items():
        assert ours == pytest.approx(fine[name], abs=0.011)
        assert [round(one, 2) for one in fine[name]] == fine[name]
        assert [round(one) for one in fine[name]] == pytest.approx(rough[name], abs=1)
    assert any(one != round(one) for one in found["age"])


def test_a_rows_points_are_the_start_and_its_bins(alone: Outcome) -> None:
    card, table = part(alone), bins_of(alone)
    raw = alone.last.datasets["lender"].table
    total = np.full(raw.num_rows, card["start"])
    for name, own in points(card).items():
        total += np.array(own)[table[name].assign(raw.column(name))]
    ids = alone.last.datasets["lender"].ids.to_pylist()
    np.testing.assert_array_equal(pd.Series(total, index=ids).sort_index(), scores(alone)["points"])


def test_the_risk_of_points_is_near_the_models(alone: Outcome) -> None:
    frame, model = alone.last.frames["all"], alone.last.models["glm"]
    logits = model.logits(
        frame.values([("lender", name) for name in OWNERS[2]["lender"] + OWNERS[2]["bureau"]])
    )
    risk = scores(alone)["risk"].to_numpy()
    exact = np.sort(1 / (1 + np.exp(-logits)))
    assert np.abs(np.sort(risk) - exact).max() < 0.025  # five features and the start, each half a point off
    assert np.corrcoef(np.sort(risk), exact)[0, 1] > 0.9995


@given(
    base=st.floats(-1000, 1000),
    odds=st.floats(0.01, 1000),
    pdo=st.floats(1, 200),
    risk=st.floats(1e-6, 1 - 1e-6),
)
def test_points_and_probabilities_are_each_others_way_back(
    base: float, odds: float, pdo: float, risk: float
) -> None:
    scale = Scale(base, odds, pdo, 0)
    facts = ScorecardFacts({"a": ("x",)}, scale, "glm", "woe")
    at = facts.points_of(np.array([1 / (1 + odds), 1 / (1 + 2 * odds), risk]))
    assert at[:2] == pytest.approx([base, base + pdo], rel=1e-9, abs=1e-6)
    assert facts.probabilities(at) == pytest.approx([1 / (1 + odds), 1 / (1 + 2 * odds), risk], rel=1e-6)
    assert (facts.unit, facts.classifies) == ("points", True)


def test_a_card_without_intercept_starts_at_public_points() -> None:
    found = play(pooled(400), steps(trainer=("glm", Glm(), {**GLM, "intercept": False})))["lender"]
    assert part(found)["start"] == round(600 - 20 / np.log(2) * np.log(50))


def test_logistic_will_do() -> None:
    """It stops before its minimum, where rounding shows more: points may differ by one."""
    trainer = ("logistic", Logistic(), {"passes": 20})
    outcomes = play(tables(ROWS, 3), steps(trainer=trainer))
    expected = points(part(play(pooled(ROWS, 3), steps(trainer=trainer))["lender"]))
    found = points(*(part(outcomes[party]) for party in OWNERS[3]))
    pairs = [pair for name in expected for pair in zip(expected[name], found[name], strict=True)]
    assert np.mean([a == b for a, b in pairs]) > 0.9
    assert all(abs(a - b) <= 1 for a, b in pairs)
    assert part(outcomes["bureau"])["features"] == {owner: list(names) for owner, names in OWNERS[3].items()}


def test_in_a_tee_each_owner_gets_its_own_part(alone: Outcome) -> None:
    context, given = attested()
    parts = {party: json.loads(files["card.scorecard.json"]) for party, files in given["scorecard"].items()}
    assert set(parts) == {"lender", "bureau"}
    assert [one["name"] for one in parts["bureau"]["columns"]] == list(OWNERS[2]["bureau"])
    assert parts["bureau"]["start"] is None
    assert points(parts["lender"], parts["bureau"]) == points(part(alone))
    assert parts["lender"]["start"] == part(alone)["start"]
    for party, document in parts.items():
        assert document in [one.document for one in context.findings[party] if one.kind == "scorecard"]


# What is refused


def refusal(pipeline: Steps) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        play(pooled(400), pipeline)
    return caught.value


@pytest.mark.parametrize(
    ("pipeline", "code", "names"),
    [
        ((*steps()[:3], *steps()[4:]), "CT-3002", "a logistic one"),
        (steps(model="other"), "CT-3002", "'other'"),
        (steps(model="bin"), "CT-3156", "'bin'"),
        (steps(woe="bin"), "CT-3157", "'bin'"),
        (steps(woe="none"), "CT-3157", "'none'"),
        (steps(trainer=("glm", Glm(), {"family": "linear"})), "CT-3002", "a logistic one"),
        (steps(trainer=("glm", Glm(), {"family": "linear"}), model="glm"), "CT-3156", "'glm'"),
        (steps(before=(("scaled", Standardize(), {}),)), "CT-3158", "'age'"),
    ],
)
def test_what_makes_no_card(pipeline: Steps, code: str, names: str) -> None:
    error = refusal(pipeline)
    assert error.code == code
    assert names in str(error)


def planned(models: Mapping[str, Any], to: tuple[str, ...] = ("lender", "payments")) -> StepPlan:
    """A card of two parties' columns, of what earlier steps have told."""
    context = around(1000, None, "stream", 2)
    context.receivers = {"scorecard": to}
    context.models = dict(models)
    return Scorecard().plan(context, ScorecardParams())


COLUMNS = {"lender": ("age", "income"), "payments": ("flow",)}
WOE = WoeFacts(COLUMNS)
LOGISTIC = ModelFacts(COLUMNS, 20, 40.0, LogisticParams())


@pytest.mark.parametrize(("party", "granted"), [("lender", ("payments",)), ("payments", ("lender",))])
def test_each_owner_must_be_granted_its_part(party: str, granted: tuple[str, ...]) -> None:
    with pytest.raises(CoterieError) as caught:
        planned({"woe": WOE, "logistic": LOGISTIC}, granted)
    assert caught.value.code == "CT-3155"
    assert party in str(caught.value)


def test_the_plan_says_who_learns_what() -> None:
    plan = planned({"woe": WOE, "logistic": LOGISTIC}, ("lender", "payments", "stranger"))
    assert [(one.to, one.values, one.kind) for one in plan.reveals] == [
        (("lender",), 2, "scorecard"),
        (("payments",), 1, "scorecard"),
        (("lender",), 1, "scorecard"),
    ]
    assert [(one.to, one.values) for one in plan.disclosed] == [(one.to, one.values) for one in plan.reveals]
    assert plan.results == {"scorecard": ("lender", "payments")}


@pytest.mark.parametrize(
    ("models", "code"),
    [
        ({"logistic": LOGISTIC}, "CT-3157"),
        ({"logistic": LOGISTIC, "woe": WOE}, "CT-3157"),
        ({"woe": WoeFacts({**COLUMNS, "lender": ("age",)}), "logistic": LOGISTIC}, "CT-3158"),
        (
            {
                "woe": WOE,
                "glm": ModelFacts(COLUMNS, 20, 40.0, GlmParams(family="logistic", offset="lender.limit")),
            },
            "CT-3002",
        ),
        ({"woe": WOE}, "CT-3002"),
    ],
)
def test_what_the_steps_before_must_have_left(models: Mapping[str, Any], code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        planned(models)
    assert caught.value.code == code


# Plans, and cards of earlier jobs


@given(
    most=st.integers(200, 1 << 20),
    share=st.floats(0.01, 1, exclude_max=True),
    network=st.sampled_from(NETWORKS),
    count=st.sampled_from((2, 3)),
    correlations=st.sampled_from(("stream", "tape")),
)
@settings(max_examples=20, deadline=None)
def test_fewer_rows_need_no_more(
    most: int, share: float, network: Any, count: int, correlations: Any
) -> None:
    def plan(rows: int) -> StepPlan:
        context = around(rows, network, correlations, count)
        facts = ScorecardFacts(context.columns, Scale(600, 50, 20, 0), "glm", "woe")
        context.models["card"] = facts
        return score_plan(context, "card", "test", ("lender",))

    assert not beyond(plan(max(100, int(most * share))), plan(most))


def test_fewer_features_need_no_more() -> None:
    bound = planned({"woe": WOE, "logistic": LOGISTIC})
    for left in ({"lender": ("age",), "payments": ("flow",)}, {"payments": ("flow",)}, {"lender": ("age",)}):
        need = planned({"woe": WOE, "logistic": ModelFacts(left, 20, 40.0, LogisticParams())})
        assert not beyond(need, bound)


def test_a_card_can_be_kept_for_later_jobs(alone: Outcome) -> None:
    component = Scorecard()
    facts, card = alone.last.planning.models["card"], alone.last.models["card"]
    public = json.loads(json.dumps(component.public_facts(facts)))
    again = component.facts_again(ScorecardParams(), public)
    assert (again.columns, again.scale, again.unit) == (facts.columns, facts.scale, "points")
    content = component.kept_model(card)
    assert component.model_again(content, again) == card
    other = ScorecardFacts({"lender": ("age",)}, facts.scale, "glm", "woe")
    for wrong in (b"", b"{}", content[:-1], content.replace(b'"age"', b'"ego"')):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
            component.model_again(wrong, again)
    with pytest.raises(ValueError, match="another card"):
        component.model_again(content, other)
    for wrong_facts in ({}, {**public, "order": []}, {**public, "more": 1}):
        with pytest.raises(ValueError):  # noqa: PT011
            component.facts_again(ScorecardParams(), wrong_facts)


def test_new_rows_are_scored_by_the_saved_card(tmp_path: Path) -> None:
    """Points, their probabilities, and reasons, of rows that no step has seen before."""
    by_name = {one.name: one for one in COMPONENTS}
    trained = play(tables(ROWS), steps(("save", by_name["save"], {"name": "card"})), "pipeline")
    kept = {}
    for party in OWNERS[2]:
        kept[party] = tmp_path / party
        kept[party].write_bytes(trained[party].published["pipeline/card.pipeline"])
    again = (
        ("align", Align(), {}),
        ("predict", by_name["predict"], {"pipeline": "card@1"}),
        ("reasons", Reasons(), {"frame": "all", "points": "own", "against": "mean"}),
    )
    new = tables(300, seed=7)
    receivers = {"scores": ("lender",), "reasons": ("lender",)}
    found = play(new, again, receivers=receivers, pipelines={"card@1": kept})["lender"]
    total: pd.Series = pd.Series(float(part(trained["lender"])["start"]), new["lender"].ids.to_pylist())
    lost = {}
    for party in OWNERS[2]:
        bins = {one.name: one for one in trained[party].last.models["woe"].states[party].columns}
        for column in part(trained[party])["columns"]:
            own = np.array([*(one["points"] for one in column["bins"]), 0.0])
            values = own[bins[column["name"]].assign(new[party].table[column["name"]])]
            by_id = pd.Series(values, new[party].ids.to_pylist())
            total = total.add(by_id)
            lost[f"{party}.{column['name']}"] = (column["mean"] - by_id).clip(lower=0)
    expected = total.sort_index()
    np.testing.assert_array_equal(scores(found)["points"], expected)
    risk = Scale(600, 50, 20, 0).probabilities(expected.to_numpy())
    np.testing.assert_allclose(scores(found)["score"], risk, rtol=1e-12)
    table = pd.DataFrame(lost).sort_index()
    listed = pq.read_table(io.BytesIO(found.published["reasons/reasons.parquet"])).to_pandas().set_index("id")
    first = listed.sort_index()["reason_1"]
    assert (first.isna() == (table.max(axis=1) == 0)).all()
    assert (first.dropna() == table.idxmax(axis=1)[first.notna()]).all()


def test_evaluate_measures_the_points(alone: Outcome) -> None:
    evaluate = ("evaluate", Evaluate(), {"frame": "all", "baseline": False})
    found = play(pooled(ROWS), steps(evaluate), "scores", "metrics")["lender"]
    joint_metrics = json.loads(found.published["metrics/metrics.json"])["joint"]
    table = scores(found)
    np.testing.assert_array_equal(table["points"], scores(alone)["points"])
    np.testing.assert_array_equal(table["score"], scores(alone)["risk"])
    data = alone.last.datasets["lender"]
    labels = pd.Series(data.table["bad"].to_numpy(), data.ids.to_pylist()).sort_index()
    assert joint_metrics["auc"] == pytest.approx(roc_auc_score(labels, -table["points"]), abs=1e-12)
    assert joint_metrics["brier"] == pytest.approx(brier_score_loss(labels, table["score"]), abs=1e-12)
