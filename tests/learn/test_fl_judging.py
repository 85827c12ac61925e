"""What is measured and chosen over sums of three parties' rows, beside the pooled table."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from coterie.learn import COMPONENTS
from coterie.learn.decide import DecideParams
from coterie.learn.decide.clear import Scale, decided
from tests.learn.horizontal import run
from tests.learn.horizontal_data import NAMES, datasets, whole
from tests.learn.test_fl_binning import table

BY_NAME = {one.name: one for one in COMPONENTS}


def steps(*given: Any) -> list[Any]:
    """By name; what stands behind a hyphen tells two of one component apart."""
    return [(name, BY_NAME[name.partition("-")[0]], params) for name, params in (("stack", {}), *given)]


def told(outcome: Any, kind: str, step: str) -> Any:
    return json.loads(outcome.published[f"{kind}/{step}.{kind}.json"])


def both(given: Any, kind: str, *pipeline: Any, **more: Any) -> tuple[Any, Any]:
    """What the last step tells, in engine fl and in engine clear of all rows."""
    found = run(datasets(given, "bad"), steps(*pipeline), label="bad", **more)
    first, *others = (told(found[name], kind, pipeline[-1][0]) for name in NAMES)
    assert all(one == first for one in others)
    no_scores: Any = {"receivers": _AllBut("scores")}
    pooled = run(whole(given, "bad"), steps(*pipeline), label="bad", engine="clear", **more, **no_scores)
    return first, told(pooled["all"], kind, pipeline[-1][0])


class _AllBut(dict[str, tuple[str, ...]]):
    """Scores that others than the label holder may have are measured in no other engine."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def get(self, key: str, default: Any = None) -> Any:
        return () if key == self._kind else ("all",)


SHIFTED = table(3000)
SHIFTED["grade"] = SHIFTED["grade"] - (np.arange(3000) % 7 == 0)
BINNED = ("bin", {"columns": ["each.grade"]})
MODEL = [("fill", {}), ("standardize", {}), ("logistic", {})]


@pytest.mark.parametrize("least", [1, 20])
def test_samples_are_compared_as_those_of_the_pooled_rows(least: int) -> None:
    given = {**SHIFTED, "grade": np.where(np.arange(3000) % 5, SHIFTED["grade"], 2)}
    pipeline = [("split", {}), BINNED, ("stability", {"score": False})]
    ours, theirs = both(given, "metrics", *pipeline, min_group=least)
    for one, other in zip(ours["features"], theirs["features"], strict=True):
        assert one["column"] == other["column"]
        assert one["psi"] == pytest.approx(other["psi"], abs=0.02 if least > 1 else 0.004)
        if least == 1 and one["column"] in ("grade", "town"):
            for mine, wanted in zip(one["shown"], other["shown"], strict=True):
                # At random each party draws a share of its own rows, so the same rows are not on one side.
                assert mine["rows"] == pytest.approx(wanted["rows"], rel=0.05, abs=5)
        assert sum(line["rows"] for line in one["shown"]) == pytest.approx(ours["rows"], abs=3 * least)


def test_scores_are_compared() -> None:
    given = {name: values for name, values in SHIFTED.items() if name != "town"}
    ours, theirs = both(given, "metrics", ("split", {}), *MODEL, ("stability", {"features": False}))
    assert ours["score"]["psi"] == pytest.approx(theirs["score"]["psi"], abs=0.01)
    assert len(ours["score"]["bins"]) == 10
    assert all(line["rows"] >= 20 for line in ours["score"]["bins"])


ALIKE = {name: values for name, values in SHIFTED.items() if name not in ("town", "debt")}
RANDOM = np.random.default_rng(5)
ALIKE |= {
    "twice": ALIKE["grade"] * 2 + RANDOM.normal(size=3000) * 0.1,
    "noise": RANDOM.normal(size=3000),
    "wealth": np.log(ALIKE["income"]) + RANDOM.normal(size=3000),
}
CHOICES: list[Any] = [
    ([], {"max_correlation": 0.6}),
    ([], {"max_vif": 5, "keep": ["each.twice"]}),
    ([("standardize", {})], {"stepwise": "forward"}),
    ([("standardize", {})], {"stepwise": "backward", "criterion": "aic", "most": 2}),
]


@pytest.mark.parametrize(("before", "params"), CHOICES)
def test_features_are_chosen_as_of_the_pooled_rows(before: Any, params: Any) -> None:
    ours, theirs = both(ALIKE, "selection", *before, ("select", params))
    for one, other in zip(ours["features"], theirs["features"], strict=True):
        for name in ("value", "threshold"):
            assert one.pop(name) == pytest.approx(other.pop(name), rel=1e-6)
        assert one == other
    assert 0 < sum(one["kept"] for one in ours["features"]) < len(ours["features"])


def test_features_are_chosen_by_value_and_by_what_is_missing() -> None:
    """And steps after it have those alone that are left."""
    given = {**ALIKE, "gone": np.where(np.arange(3000) % 4, np.nan, ALIKE["noise"])}
    pipeline = [
        ("select", {"max_missing": 0.7, "drop": ["each.wealth"]}),
        ("bin", {}),
        ("select-iv", {"min_iv": 0.05, "keep": ["each.grade"]}),
        ("correlate", {}),
    ]
    found = run(datasets(given, "bad"), steps(*pipeline), label="bad", coordinator="hub")
    lines = told(found["east"], "selection", "select")["features"]
    assert {one["column"]: one["reason"] for one in lines if not one["kept"]} == {
        "wealth": "drop",
        "gone": "missing",
    }
    assert lines[-1]["value"] == 0.75
    lines = told(found["east"], "selection", "select-iv")["features"]
    assert {one["column"]: one["reason"] for one in lines} == {
        "income": "chosen",
        "grade": "keep",
        "twice": "chosen",
        "noise": "low_iv",
    }
    assert told(found["west"], "correlations", "correlate")["columns"] == [
        "each.income",
        "each.grade",
        "each.twice",
    ]


RULES: list[Any] = [
    {"max_bad_rate": 0.3, "manual": 0.1, "bands": 5},
    {"min_approval": 0.6, "bands": 4, "loss_cap": 100},
    {"approve": 0.35, "refuse": 0.6, "edges": [0.2, 0.5]},
    {"approve": 485, "refuse": 470, "edges": [460, 490]},
]
CARD: list[Any] = [("bin", {}), ("woe", {}), ("logistic", {}), ("scorecard", {})]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("least", [1, 20])
def test_decisions_are_those_of_the_pooled_rows(rule: Any, least: int) -> None:
    """Beside what engine clear makes of all rows' scores in one place."""
    model = CARD if rule.get("approve", 0) > 1 else MODEL[1:]
    given = {name: ALIKE[name] for name in ("income", "grade", "bad")}
    pipeline = steps(*model, ("decide", {"frame": "all", **rule}))
    found = run(datasets(given, "bad"), pipeline, label="bad", min_group=least)
    ours = told(found["west"], "metrics", "decide")
    contexts = [found[name].contexts["decide"] for name in NAMES]
    key = (model[-1][0], "all")
    facts: Any = contexts[0].planning.models[key[0]]
    theirs = decided(
        np.concatenate([one.frames["all"].labels() for one in contexts]),
        np.concatenate([one.scores[key] for one in contexts]),
        key[0],
        DecideParams(frame="all", **rule),
        Scale(facts.unit == "points", facts.probabilities),
        least,
        guarded=True,
    ).model_dump(mode="json")
    for name in ("approve_probability", "refuse_probability"):
        assert ours[name] == pytest.approx(theirs[name], abs=0.02)
    for one, other in zip(ours["zones"], theirs["zones"], strict=True):
        for name in ("share", "rate", "predicted"):
            assert one[name] == pytest.approx(other[name], abs=0.03)
    if least == 1 and "approve" in rule:
        for name in ("rows", "positives"):
            assert [one[name] for one in ours["bands"]] == [one[name] for one in theirs["bands"]]
    assert all(min(one["positives"], one["rows"] - one["positives"]) >= least for one in ours["bands"])
