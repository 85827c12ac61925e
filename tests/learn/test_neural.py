"""Small neural networks: scikit-learn's training, scores by NumPy, models as plain numbers."""

from __future__ import annotations

import functools
import json
import struct
import sys
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.neural_network import MLPClassifier, MLPRegressor

from coterie.crypto import canonical, digest, parse_json
from coterie.errors import CoterieError
from coterie.learn.clip import Clip
from coterie.learn.fill import Fill
from coterie.learn.linear import Floats
from coterie.learn.neural import Network, Neural, NeuralParams, load_model
from coterie.learn.neural.clear import HeldBack, Scale, fit, scores
from coterie.learn.split import is_test
from coterie.learn.standardize import Standardize

from .learners import alone, cancer, metrics, mixed, told_apart
from .pipeline import Outcome, people

MAGIC = b"coterie.neural/1\n"
PREPARED = (("fill", Fill(), {}), ("standardize", Standardize(), {}))
FEW = {"hidden": [8, 4], "epochs": 12, "batch_rows": 32, "learning_rate": 0.01, "early_stopping": None}


def neural(**params: Any) -> tuple[str, Neural, dict[str, Any]]:
    return "neural", Neural(), {**FEW, **params}


@functools.cache
def usual() -> Outcome:
    """Run once, looked at by many tests."""
    return alone(neural(), cancer(), before=PREPARED)


def model_of(outcome: Outcome) -> Network:
    found = outcome.last.models["neural"]
    assert isinstance(found, Network)
    return found


def made(rows: int = 300) -> tuple[Floats, Floats, Floats]:
    """Features, a label of 0 and 1, and a number."""
    random = np.random.default_rng(3)
    features = random.normal(size=(rows, 5))
    number = features[:, 0] * features[:, 1] + features[:, 2] + random.normal(size=rows) / 4
    return features, (number > 0).astype(np.float64), (number - number.mean()) / number.std()


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_training_and_scores_are_scikit_learns(task: Any, activation: Any) -> None:
    """Batches as its ``partial_fit`` draws them; of all rows at once, as its ``fit`` makes steps."""
    features, binary, number = made()
    label = binary if task == "binary" else number
    kind = MLPClassifier if task == "binary" else MLPRegressor
    for batch in (50, 300):
        params = NeuralParams(
            task=task, activation=activation, hidden=(7, 3), epochs=6, batch_rows=batch, early_stopping=None
        )
        found = fit(features, label, params)
        theirs = kind(
            hidden_layer_sizes=(7, 3),
            activation=activation,
            batch_size=batch,
            max_iter=6,
            random_state=np.random.RandomState(0),
        )
        if batch == 300:
            with pytest.warns(UserWarning, match="Maximum iterations"):
                theirs.fit(features, label)
        for _ in range(6 if batch == 50 else 0):
            theirs.partial_fit(features, label, **({"classes": [0.0, 1.0]} if task == "binary" else {}))
        for (weights, biases), wanted, constants in zip(
            found.layers, theirs.coefs_, theirs.intercepts_, strict=True
        ):
            assert weights == pytest.approx(wanted, abs=0 if batch == 50 else 1e-9)
            assert biases == pytest.approx(constants, abs=0 if batch == 50 else 1e-9)
        assert found.history["training"] == pytest.approx(theirs.loss_curve_, rel=1e-9)
        expected = theirs.predict_proba(features)[:, 1] if task == "binary" else theirs.predict(features)
        assert scores(found.layers, features, params, Scale()) == pytest.approx(expected, abs=1e-9)


def test_it_finds_what_a_line_cannot() -> None:
    """The exclusive or of two signs."""
    random = np.random.default_rng(0)
    features = random.normal(size=(2000, 2))
    label = (features[:, 0] * features[:, 1] > 0).astype(np.float64)
    params = NeuralParams(hidden=(16, 8), epochs=40, learning_rate=0.01, early_stopping=None)
    found = fit(features[:1500], label[:1500], params)
    assert roc_auc_score(label[1500:], scores(found.layers, features[1500:], params, Scale())) > 0.98


def test_evaluate_measures_it() -> None:
    outcome, raw = usual(), load_breast_cancer()
    test = outcome.frames["test"]
    features, labels = test.matrix(test.columns["lender"]), test.labels()
    found = metrics(outcome).joint.auc
    assert found == pytest.approx(roc_auc_score(labels, model_of(outcome).scores(test)), abs=1e-12)
    assert found > 0.97
    params = model_of(outcome).params
    assert np.array_equal(
        scores(model_of(outcome).layers, features, params, Scale()), model_of(outcome).scores(test)
    )
    assert len(raw.target) == outcome.frames["all"].rows


def test_the_same_rows_and_seed_give_the_same_model_to_the_bit() -> None:
    content = usual().published["model/neural.model"]
    again = alone(neural(), cancer(), before=PREPARED, evaluate=False)
    assert again.published["model/neural.model"] == content
    other = alone(neural(seed=1), cancer(), before=PREPARED, evaluate=False)
    assert other.published["model/neural.model"] != content


def test_training_stops_when_rows_held_back_say_so_and_keeps_the_best() -> None:
    outcome = alone(
        neural(early_stopping=3, epochs=300, validation=0.3, learning_rate=0.005), cancer(), before=PREPARED
    )
    model, train = model_of(outcome), outcome.frames["train"]
    held = is_test(train.keys, 0.3, "early stopping 0")
    told = json.loads(outcome.published["loss/neural.loss.json"])["loss"]
    assert model.made.epochs + 3 == len(told["validation"]) == len(told["training"]) < 300
    assert min(told["validation"]) == told["validation"][model.made.epochs - 1]
    assert (model.made.rows, model.made.held_back) == ((~held).sum(), held.sum())
    share, label = model.scores(train)[held], train.labels()[held]
    assert log_loss(label, share) == pytest.approx(min(told["validation"]), rel=1e-6)


def test_a_label_keeps_its_unit() -> None:
    ids, random = people(600, 2)
    columns = {name: random.normal(size=600) for name in "abc"}
    label = 5e6 + 2e5 * (columns["a"] - columns["b"]) + 1e4 * random.normal(size=600)
    outcome = alone(
        neural(task="regression", epochs=60, early_stopping=10),
        (ids, {**columns, "bad": label}),
        before=PREPARED[1:],
        evaluate=False,
    )
    test = outcome.frames["test"]
    error = model_of(outcome).scores(test) - test.target()
    assert np.sqrt(np.mean(error**2)) < 0.15 * test.target().std()
    stored = load_model(outcome.published["model/neural.model"])
    assert np.array_equal(stored.scores(test), model_of(outcome).scores(test))


def test_a_stored_model_scores_as_before() -> None:
    content, test = usual().published["model/neural.model"], usual().frames["test"]
    model = load_model(content)
    assert model.to_bytes() == content
    assert np.array_equal(model.scores(test), model_of(usual()).scores(test))
    assert repr(model) == "<Network of 30 features, layers of (8, 4)>"
    assert {one.kind: one.values for one in usual().plans["neural"].reveals} == {
        "model": 30 * 8 + 8 + 8 * 4 + 4 + 4 + 1 + 2,
        "loss": 24,
    }


def parts() -> tuple[dict[str, Any], bytes]:
    content = usual().published["model/neural.model"][len(MAGIC) :]
    length = int.from_bytes(content[:4], "little")
    return parse_json(content[4 : 4 + length], limit=length), content[4 + length :]


def whole(header: dict[str, Any], body: bytes) -> bytes:
    text = canonical({**header, "body_size": len(body), "body_digest": digest(body)})
    return MAGIC + len(text).to_bytes(4, "little") + text + body


def test_files_that_are_no_models() -> None:
    header, body = parts()
    content = usual().published["model/neural.model"]
    assert whole(header, body) == content
    params = header["params"]
    for wrong in (
        b"",
        content[:-8],
        content + b"\0" * 8,
        content[:-1] + b"\1",
        content.replace(b"neural", b"boosting", 1),
        MAGIC + b"\xff\xff\xff\xff",
        whole(header, body[:-8]),
        whole(header, body + body),
        whole(header, body[:-8] + struct.pack("<d", float("nan"))),
        whole(header, body[:-8] + struct.pack("<d", float("-inf"))),
        whole({**header, "deviation": 0}, body),
        whole({**header, "params": {**params, "hidden": [1024] * 6}}, body),
        whole({**header, "params": {**params, "hidden": [10**9]}}, body),
        whole({**header, "params": {**params, "activation": "exec"}}, body),
        whole({**header, "columns": {"lender": ["c0"]}}, body),
        whole({**header, "order": ["lender", "lender"]}, body),
        whole({**header, "more": 1}, body),
        whole({key: value for key, value in header.items() if key != "made"}, body),
    ):
        with pytest.raises(CoterieError) as caught:
            load_model(wrong)
        assert caught.value.code == "CT-3053"


def changed(**columns: Any) -> tuple[list[str], dict[str, Any]]:
    ids, given = cancer()
    return ids, {**given, **columns}


@pytest.mark.parametrize(
    ("params", "data", "before", "code"),
    [
        ({}, cancer(), PREPARED[:1], "CT-3050"),
        ({}, changed(bad=[2, 1] * 284 + [0]), PREPARED, "CT-1502"),
        ({"early_stopping": 2, "validation": 1e-9}, cancer(), PREPARED, "CT-3015"),
    ],
)
def test_what_does_not_fit_is_refused(params: Any, data: Any, before: Any, code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        alone(neural(**params), data, before=before, evaluate=False)
    assert caught.value.code == code


@pytest.mark.parametrize(("task", "code"), [("binary", "CT-3016"), ("regression", "CT-3083")])
def test_a_label_that_does_not_vary_any_more(task: str, code: str) -> None:
    step = neural(task=task, early_stopping=2, validation=0.5)
    with pytest.raises(CoterieError, match=code) as caught:
        alone(step, changed(bad=told_apart(usual(), 0.5)), before=PREPARED, evaluate=False)
    assert caught.value.step == "neural"


def test_missing_and_infinite_values_are_named_when_rows_are_scored() -> None:
    frame = usual().frames["test"]
    for value, code in ((np.nan, "CT-3027"), (np.inf, "CT-3028")):
        column = frame.matrix(["c3"])[:, 0].copy()
        column[5] = value
        with pytest.raises(CoterieError, match=f"{code}.*'c3'"):
            model_of(usual()).scores(frame.with_columns({"c3": column}))


def test_weights_that_run_away() -> None:
    features, binary, _ = made()
    with pytest.raises(CoterieError, match="CT-3095"):
        fit(np.sign(features) * 1e308, binary, NeuralParams(early_stopping=None))
    held = HeldBack(np.sign(features) * 1e308, binary)
    with pytest.raises(CoterieError, match="CT-3095"):
        fit(features, binary, NeuralParams(early_stopping=1), held)


def test_what_the_caller_raises_ends_the_training() -> None:
    features, binary, _ = made()

    def stop(done: int, total: int, what: str) -> None:
        if done == 2:
            raise KeyError(f"{what} of {total}")

    with pytest.raises(KeyError, match="epochs of 30"):
        fit(features, binary, NeuralParams(early_stopping=None), None, stop)


def test_without_the_library_the_plan_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(CoterieError, match=r"CT-3080.*coterie\[learners\]"):
        alone(neural(), cancer(), before=PREPARED)


def test_text_is_refused() -> None:
    ids, columns = mixed()
    given = {"job": columns["job"], "age": columns["age"], "bad": columns["bad"]}
    with pytest.raises(CoterieError, match="CT-1433"):
        alone(neural(), (ids, given), before=PREPARED)


@pytest.mark.parametrize(
    "params",
    [
        {"hidden": []},
        {"hidden": [0]},
        {"hidden": [2000]},
        {"hidden": [8] * 7},
        {"epochs": 0},
        {"validation": 0},
        {"activation": "identity"},
        {"learning_rate": 0},
        {"solver": "adam"},
    ],
)
def test_parameters_that_cannot_be(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NeuralParams.model_validate(params)


@pytest.mark.parametrize("more", [{}, {"optimizer": "sgd", "momentum": 0.5, "learning_rate": 0.05}])
def test_several_classes_are_scikit_learns_and_measured(more: dict[str, Any]) -> None:
    raw = load_digits()
    columns = {f"p{place}": raw.data[:, place] / 16 for place in range(64)}
    ids, _ = people(len(raw.target), 3)
    step = neural(task="classes", classes=10, hidden=[16], epochs=6, **more)
    outcome = alone(
        step, (ids, {**columns, "bad": raw.target}), before=(("clip", Clip(), {"low": 0, "high": 1}),)
    )
    model, train, test = model_of(outcome), outcome.frames["train"], outcome.frames["test"]
    params = model.params
    theirs = MLPClassifier(
        (16,),
        solver=params.optimizer,
        momentum=params.momentum,
        nesterovs_momentum=False,
        batch_size=32,
        learning_rate_init=params.learning_rate,
        random_state=np.random.RandomState(0),
    )
    names = test.columns["lender"]
    for _ in range(6):
        theirs.partial_fit(train.matrix(names), train.target(), classes=np.arange(10))
    shares = theirs.predict_proba(test.matrix(names))
    assert model.shares(test) == pytest.approx(shares, abs=1e-9)
    assert np.array_equal(load_model(model.to_bytes()).scores(test), shares.argmax(axis=1))
    told = json.loads(outcome.published["metrics/metrics.json"])
    assert told["accuracy"] == pytest.approx((shares.argmax(axis=1) == test.target()).mean(), abs=1e-12)
    assert told["log_loss"] == pytest.approx(log_loss(test.target(), shares), rel=1e-6)
