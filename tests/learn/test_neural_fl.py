"""``neural`` as a step on horizontal frames: over meshes, measured by ``evaluate``, kept and refused."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import accuracy_score, log_loss

from coterie.errors import CoterieError
from coterie.learn.clip import Clip
from coterie.learn.component import EACH, Earlier, FrameShape
from coterie.learn.evaluate import Evaluate
from coterie.learn.neural import Network, Neural, load_model
from coterie.learn.neural.fl import Perceptron, Setting
from coterie.learn.neural.params import NeuralParams
from coterie.learn.report import Report
from coterie.learn.scoring import score_plan
from coterie.learn.split import Split
from coterie.learn.stack import Stack
from coterie.learn.standardize import Standardize
from tests.learn.horizontal import planning_of, run
from tests.learn.horizontal_data import NAMES, datasets
from tests.learn.pipeline import Outcome

FOUR = ("east", "north", "west", "south")
QUICK: dict[str, Any] = {"hidden": [24], "learning_rate": 0.01, "batch_rows": 32}
DIGITS = {**QUICK, "task": "classes", "classes": 10, "rounds": 6, "local_epochs": 2, "sampled": 3}
TENTH = ("clip", Clip(), {"low": -10, "high": 10})


def digits() -> dict[str, Any]:
    raw = load_digits()
    return {f"p{place}": raw.data[:, place] / 16 for place in range(64)} | {"digit": raw.target}


def cancer(**changed: Any) -> dict[str, Any]:
    raw = load_breast_cancer()
    columns = {f"c{place}": raw.data[:, place] for place in range(6)}
    return columns | {"size": raw.data[:, 20] * 1e6, "bad": raw.target} | changed


def model_of(outcome: Outcome) -> Network:
    found = outcome.contexts["neural"].models["neural"]
    assert isinstance(found, Network)
    return found


def test_digits_of_four_parties_of_which_three_are_drawn_for_each_round() -> None:
    """Over meshes: the same model everywhere; what ``evaluate`` tells is scikit-learn's of all test rows."""
    steps = [
        ("stack", Stack(), {}),
        ("split", Split(), {"label": "number"}),
        TENTH,
        ("neural", Neural(), DIGITS),
        ("evaluate", Evaluate(), {}),
        ("report", Report(), {}),
    ]
    found = run(datasets(digits(), "digit", FOUR), steps, label="digit", coordinator="hub")
    contents = {found[name].published["model/neural.model"] for name in FOUR}
    assert len(contents) == 1
    model = load_model(contents.pop())
    tests = [found[name].frames["test"] for name in FOUR]
    shares = np.concatenate([model.shares(frame) for frame in tests])
    labels = np.concatenate([frame.target() for frame in tests])
    told = json.loads(found["east"].published["metrics/metrics.json"])
    assert told["accuracy"] == accuracy_score(labels, shares.argmax(axis=1)) > 0.9
    assert told["log_loss"] == pytest.approx(log_loss(labels, shares), rel=1e-9)
    assert told["classes"][3]["rows"] == (labels == 3).sum()
    assert {one for row in told["confusion"] for one in row if one is not None} <= set(range(20, 500))
    assert f"{100 * told['accuracy']:.2f}%" in found["west"].published["report/report.html"].decode()
    changes = next(one for one in found["east"].plans["neural"].totals if one.what.startswith("changes"))
    assert (changes.parts, changes.times, changes.values) == (3, 6, 64 * 24 + 24 + 240 + 10 + 1)
    planning = found["east"].contexts["evaluate"].planning
    with pytest.raises(CoterieError, match="CT-3244"):
        score_plan(planning, "neural", "test", ())


def test_a_numeric_label_keeps_its_unit() -> None:
    """Mean and deviation are those of all parties' rows."""
    step = {**QUICK, "task": "regression", "rounds": 8, "local_epochs": 4, "validation": 0.3}
    steps = [("stack", Stack(), {}), ("standardize", Standardize(), {}), ("neural", Neural(), step)]
    found = run(datasets(cancer(), "size"), steps, label="size")
    label = cancer()["size"]
    model = model_of(found["east"])
    assert (model.scale.mean, model.scale.deviation) == pytest.approx((label.mean(), label.std()), rel=1e-12)
    frames = [found[name].frames["all"] for name in NAMES]
    errors = np.concatenate([model.scores(frame) - frame.target() for frame in frames])
    assert np.sqrt(np.mean(errors**2)) < 0.4 * label.std()
    assert frames[0].columns[EACH][0] == "c0"


@pytest.mark.parametrize(
    ("params", "label", "code"),
    [
        ({"task": "classes", "classes": 3}, "size", "CT-3083"),
        ({"sampled": 4}, "bad", "CT-3242"),
        ({"groups": 3, "clip_norm": 1}, "bad", "CT-3242"),
        ({"personal": 2}, "bad", "CT-3236"),
        ({"validation": 0.02}, "bad", "CT-3235"),  # too few held back beside one party's
        ({}, "size", "CT-1502"),
    ],
)
def test_what_does_not_fit_is_refused(params: dict[str, Any], label: str, code: str) -> None:
    steps = [("stack", Stack(), {}), TENTH, ("neural", Neural(), QUICK | params)]
    columns = {name: values / 1e9 for name, values in cancer().items() if name != label}
    with pytest.raises(CoterieError, match=code):
        run(datasets(columns | {label: cancer()[label]}, label), steps, label=label)


def test_no_two_trainings_begin_alike_but_one_that_goes_on() -> None:
    """Else the difference of two totals would be one party's change."""
    context = replace(planning_of(datasets(cancer(), "bad", FOUR), "bad"), step="neural")
    rows = dict.fromkeys(FOUR, 100)
    shape = FrameShape(400, {EACH: ("c0", "c1")}, EACH, "bad", horizontal=rows)

    def begun(params: dict[str, Any] | None = None, shape: FrameShape = shape, **more: Any) -> bytes:
        given = NeuralParams(**QUICK | (params or {}))
        layout = Perceptron((2, 24, 1), "relu").layout
        return Setting.of(replace(context, **more), given, layout, shape).run

    clip = Clip.Parameters.model_validate({"low": -1, "high": 1})
    others = [
        *(begun({"sampled": sampled}) for sampled in (3, 4)),
        begun({"learning_rate": 0.01 + 1e-12}),
        begun(parties=FOUR[:3]),
        begun(shape=replace(shape, horizontal=rows | {"west": 101})),
        begun(shape=replace(shape, columns={EACH: ("c0", "c2")})),
        begun(earlier=(Earlier("clip", "clip", clip, {}),)),
        *(begun(minimum=3, job=job) for job in ("ab" * 16, "ac" * 16)),  # parties may drop out of the second
    ]
    assert len({begun(), *others}) == 1 + len(others)
    assert begun() == begun(job="ac" * 16)


def test_without_torch_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    steps = [("stack", Stack(), {}), TENTH, ("neural", Neural(), QUICK)]
    with pytest.raises(CoterieError, match=r"CT-3245.*coterie\[neural\]"):
        run(datasets(cancer(), "bad"), steps, label="bad")
