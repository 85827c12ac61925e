"""Jobs in one process that holds several owners' data: the same results as in the clear on one table, as
between parties, and as other libraries give on the joined rows."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from coterie.data import write_parquet
from coterie.jobs import derive_plan, propose, run_joint, validate_spec
from coterie.learn import boosting, logistic, neural
from coterie.learn.linear import ClearModel

from .conftest import STEPS, Bench, terms_for
from .joint import ID, KEY, NUMBERS, OWNERS, Joint, alone, asked, pooled, run
from .measures import of_all_rows

BEFORE: list[Any] = ["align", {"split": {"test": 0.3}}, "fill", "standardize"]
L2 = 0.02
LOGISTIC: dict[str, Any] = {"logistic": {"passes": 150, "l2": L2}}
GLM: dict[str, Any] = {"glm": {"family": "logistic", "statistics": True, "loss_every": 4}}
TREES: dict[str, Any] = {"boosting": {"rounds": 12, "threads": 1, "early_stopping": 4, "seed": 3}}
NETWORK: dict[str, Any] = {"neural": {"epochs": 4, "seed": 2}}
TWO_OR_THREE = pytest.mark.parametrize("owners", [OWNERS[:2], OWNERS], ids=["two", "three"])


def measured(step: str) -> dict[str, Any]:
    return {"component": "evaluate", "name": f"of_{step}", "params": {"model": step}}


def theirs(made: Bench, name: str) -> Any:
    """A result in the clear: what is in a JSON file."""
    return json.loads(made.recorders["lender"].files[name].read_text())


def renamed(columns: dict[str, Any]) -> dict[str, Any]:
    """By the columns' names in the joined table."""
    return {f"{owner}_{name}": one for owner, names in columns.items() for name, one in names.items()}


@TWO_OR_THREE
def test_trees_and_networks_are_those_of_one_table_bit_for_bit(
    tmp_path: Path, owners: tuple[str, ...]
) -> None:
    steps = [*BEFORE[:2], TREES, measured("boosting"), *BEFORE[2:], NETWORK, measured("neural")]
    ours, clear = run(steps, owners), alone(tmp_path, steps, owners)
    files = clear.recorders["lender"].files
    trees = boosting.load_model(ours.files["payments"]["boosting/boosting.model"])
    same = boosting.load_model(files["boosting/boosting.model"].read_bytes())
    assert trees.booster.save_raw("ubj") == same.booster.save_raw("ubj")
    assert list(trees.facts.columns) == list(owners)
    network = neural.load_model(ours.files["lender"]["neural/neural.model"])
    other = neural.load_model(files["neural/neural.model"].read_bytes())
    for mine, one in zip(network.layers, other.layers, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(mine, one, strict=True))
    for step in ("boosting", "neural"):
        loss = f"{step}/{step}.loss.json"
        assert ours.document("lender", loss) == theirs(clear, loss)
        told = ours.document("payments", f"of_{step}/metrics.json")["joint"]
        assert of_all_rows({"joint": told}) == of_all_rows(
            {"joint": theirs(clear, f"of_{step}/metrics.json")["joint"]}
        )
        found = pq.read_table(files[f"of_{step}/scores.parquet"]).to_pydict()
        wanted = dict(zip(found["id"], found["score"], strict=True))
        assert all(ours.scores(owner, ID[owner], f"of_{step}") == wanted for owner in owners)
    importance = ours.document("lender", "boosting/boosting.importance.json")["columns"]
    assert renamed(importance) == theirs(clear, "boosting/boosting.importance.json")["columns"]["lender"]


def test_texts_and_shares_of_features_are_those_of_one_table(tmp_path: Path) -> None:
    def steps(job: str) -> list[Any]:
        given = {**TREES["boosting"], "categorical": [job], "shap": "test"}
        return [*BEFORE[:2], {"boosting": given}, "evaluate"]

    columns = {**NUMBERS, "payments": (*NUMBERS["payments"], "job")}
    ours = run(steps("payments.job"), OWNERS[:2], columns=columns)
    clear = alone(tmp_path, steps("lender.payments_job"), OWNERS[:2], texts=True)
    wanted = pq.read_table(clear.recorders["lender"].files["boosting/boosting.shap.parquet"]).to_pandas()
    for owner in OWNERS[:2]:
        told = pq.read_table(io.BytesIO(ours.files[owner]["boosting/boosting.shap.parquet"])).to_pandas()
        assert list(told.columns) == [
            ID[owner],
            *("lender.age", "lender.amount", "payments.amount", "payments.spend", "payments.job"),
            "(expected)",
        ]
        assert told.to_numpy().tolist() == wanted.to_numpy().tolist()
    trees = boosting.load_model(ours.files["lender"]["boosting/boosting.model"])
    assert trees.features[-1].categories == ("clerk", "miner", "pilot")


def prepared(owners: tuple[str, ...], test: set[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test rows with medians filled in, of mean 0 and deviation 1, by pandas."""
    whole = pooled(owners)
    columns = [f"{owner}_{name}" for owner in owners for name in NUMBERS[owner]]
    train = whole[[row not in test for row in whole.index]]
    whole[columns] = whole[columns].fillna(train[columns].median())
    train = whole.loc[train.index, columns]
    whole[columns] = ((whole[columns] - train.mean()) / train.std(ddof=0)).clip(-5, 5)
    chosen = np.array([row in test for row in whole.index])
    return whole[~chosen][[*columns, "lender_bad"]], whole[chosen][[*columns, "lender_bad"]]


@TWO_OR_THREE
def test_linear_models_are_those_of_other_libraries(tmp_path: Path, owners: tuple[str, ...]) -> None:
    import statsmodels.api as sm

    steps = [*BEFORE, LOGISTIC, measured("logistic"), GLM, measured("glm")]
    ours, clear = run(steps, owners), alone(tmp_path, steps, owners)
    scores = ours.scores("lender", "key", "of_logistic")
    train, test = prepared(owners, set(scores))
    assert sorted(test.index) == sorted(scores)
    label = train.pop("lender_bad")
    fitted = LogisticRegression(C=1 / (len(train) * L2), tol=1e-10, max_iter=1000).fit(train, label)
    for name, tolerance in (("logistic", 1e-4), ("glm", 1e-6)):
        found = ours.document(
            "telecom" if "telecom" in owners else "payments", f"{name}/{name}.coefficients.json"
        )
        one = theirs(clear, f"{name}/{name}.coefficients.json")
        assert list(renamed(found["coefficients"])) == list(train.columns)
        assert renamed(found["coefficients"]) == pytest.approx(one["coefficients"]["lender"], abs=tolerance)
        assert found["intercept"] == pytest.approx(one["intercept"], abs=tolerance)
        if name == "logistic":
            assert list(renamed(found["coefficients"]).values()) == pytest.approx(fitted.coef_[0], abs=1e-4)
    other = sm.GLM(label, sm.add_constant(train), family=sm.families.Binomial()).fit(tol=1e-12)
    told = ours.document("lender", "glm/glm.statistics.json")
    lines = renamed(told["coefficients"])
    assert [one["estimate"] for one in lines.values()] == pytest.approx(list(other.params[1:]), rel=1e-5)
    assert [one["standard_error"] for one in lines.values()] == pytest.approx(list(other.bse[1:]), rel=1e-4)
    assert [one["p"] for one in lines.values()] == pytest.approx(list(other.pvalues[1:]), rel=1e-2, abs=1e-9)
    assert told["null_deviance"] == pytest.approx(other.null_deviance, rel=1e-9)
    metrics = ours.document("lender", "of_logistic/metrics.json")
    auc = roc_auc_score(test["lender_bad"], [scores[row] for row in test.index])
    assert metrics["joint"]["auc"] == pytest.approx(auc, abs=1e-12)
    own = [column for column in train.columns if column.startswith("lender")]
    base = LogisticRegression(C=1 / (len(train) * L2), tol=1e-10).fit(train[own], label)
    alone_auc = roc_auc_score(test["lender_bad"], base.decision_function(test[own]))
    assert metrics["baseline"]["auc"] == pytest.approx(alone_auc, abs=1e-3)
    assert metrics["auc_gain"] > 0.05


def test_one_block_for_each_owner_as_between_parties() -> None:
    """To the bit what the optimiser does in float64 over blocks of columns, which `mpc` is held against."""
    made = run([*BEFORE, {"logistic": {"passes": 9}}, "evaluate"])
    model = logistic.load_model(made.files["telecom"]["logistic/logistic.model"])
    assert isinstance(model, ClearModel)
    train, _ = prepared(OWNERS, set(made.scores("lender", "key")))
    parts = {
        owner: train[[f"{owner}_{name}" for name in names]].to_numpy() for owner, names in NUMBERS.items()
    }
    weights, intercept = logistic.train_in_clear(
        parts, train["lender_bad"].to_numpy(np.int8), logistic.LogisticParams(passes=9), 5.0
    )
    assert np.allclose(model.weights, weights, rtol=0, atol=1e-12)
    assert model.intercept == pytest.approx(intercept, abs=1e-12)


def test_trees_are_those_of_the_library() -> None:
    made = run([*BEFORE[:2], {"boosting": {"rounds": 12, "threads": 1}}, "evaluate"])
    scores, whole = made.scores("payments", "nr"), pooled()
    columns = [f"{owner}_{name}" for owner, names in NUMBERS.items() for name in names]
    test = np.array([row in scores for row in whole.index])
    train = xgboost.DMatrix(whole[~test][columns], whole[~test]["lender_bad"], nthread=1)
    given = {"objective": "binary:logistic", "tree_method": "hist", "nthread": 1, "max_depth": 6}
    booster = xgboost.train(given, train, 12)
    wanted = booster.predict(xgboost.DMatrix(whole[test][columns], nthread=1))
    assert [scores[row] for row in whole[test].index] == wanted.tolist()


def test_as_between_parties(bench: Callable[..., Bench]) -> None:
    """The same files in engine mpc and here, as far as fixed point goes."""
    both = ("lender", "payments")
    kinds = {"coefficients": both, "statistics": both, "metrics": both, "scores": ("lender",)}
    granted = [{"kind": kind, "to": to} for kind, to in kinds.items()]
    logistic_ = {"logistic": {"passes": 40, "l2": 0.02}}
    steps = [*STEPS[:4], logistic_, measured("logistic"), {"glm": {"family": "logistic", "statistics": True}}]
    mpc = bench(steps=steps, results=granted)
    mpc.run()
    assert not mpc.errors, mpc.errors
    terms = terms_for(engines=["tee"], results=granted)
    spec = {**mpc.proposal.spec.model_dump(mode="json"), "engine": "tee", "agreement": terms.id}
    proposal = propose(validate_spec(spec), terms.id, "lender", mpc.proposal.facts)
    made = Joint()
    datasets = {party: sealed(mpc, party) for party in both}
    run_joint(proposal, terms, datasets, KEY, publish=made.publish, progress=made.progress)
    assert set(made.files["payments"]) == set(mpc.recorders["payments"].files)
    for name in ("logistic/logistic.coefficients.json", "glm/glm.coefficients.json"):
        told = made.document("payments", name)
        secret = json.loads(mpc.recorders["payments"].files[name].read_text())
        assert told["coefficients"].keys() == secret["coefficients"].keys()
        assert renamed(told["coefficients"]) == pytest.approx(renamed(secret["coefficients"]), abs=2e-3)
    ours = made.document("payments", "of_logistic/metrics.json")
    other = json.loads(mpc.recorders["payments"].files["of_logistic/metrics.json"].read_text())
    assert ours["joint"]["auc"] == pytest.approx(other["joint"]["auc"], abs=2e-3)
    assert ours["baseline"]["auc"] == pytest.approx(other["baseline"]["auc"], abs=1e-9)
    found = made.document("lender", "glm/glm.statistics.json")
    told = json.loads(mpc.recorders["lender"].files["glm/glm.statistics.json"].read_text())
    assert found.keys() == told.keys()
    for field in ("deviance", "null_deviance", "aic"):
        assert found[field] == pytest.approx(told[field], rel=1e-3)


def sealed(made: Bench, party: str) -> pa.Buffer:
    """A party's dataset as it is sealed: Parquet, in memory."""
    file = io.BytesIO()
    write_parquet(made.specs[party], party, file)
    return pa.py_buffer(file.getvalue())


def test_who_gets_what() -> None:
    """Each receiver what the agreement grants it, lists by its own ids, and nobody any more."""
    results = {
        "model": ("telecom", "regulator"),
        "coefficients": ("payments",),
        "statistics": ("lender", "payments", "regulator"),
        "scores": ("payments", "regulator"),
        "common_ids": ("telecom",),
        "metrics": ("lender",),
    }
    given = {"glm": {"family": "logistic", "statistics": True}}
    made = run([*BEFORE, given, "evaluate"], results=results, receivers=["regulator"])
    assert {party: sorted(files) for party, files in made.files.items()} == {
        "lender": ["evaluate/metrics.json", "glm/glm.statistics.json"],
        "payments": ["evaluate/scores.parquet", "glm/glm.coefficients.json", "glm/glm.statistics.json"],
        "regulator": ["glm/glm.model", "glm/glm.statistics.json"],
        "telecom": ["align/common_ids.csv", "glm/glm.model"],
    }
    lines = {
        party: renamed(made.document(party, "glm/glm.statistics.json")["coefficients"])
        for party in results["statistics"]
    }
    assert lines["payments"] == lines["regulator"]  # who has the model has its coefficients
    assert all(one["estimate"] is not None for one in lines["payments"].values())
    assert all(one["estimate"] is one["z"] is one["p"] is None for one in lines["lender"].values())
    assert all(one["standard_error"] for one in lines["lender"].values())
    listed = made.files["telecom"]["align/common_ids.csv"].decode().replace('"', "").split()
    assert listed[0] == "id"
    assert sorted(listed[1:]) == sorted(pooled().index)
    assert made.steps == ["align", "split", "fill", "standardize", "glm", "evaluate"]


def test_the_plan_says_it_all() -> None:
    steps = [*BEFORE, LOGISTIC, GLM, TREES, NETWORK, "evaluate"]
    proposal, terms = asked(
        steps,
        results={
            "model": ("payments",),
            "loss": ("payments",),
            "statistics": ("payments",),
            "metrics": ("lender",),
            "importance": ("telecom",),
        },
    )
    plan = derive_plan(proposal, terms)
    assert plan.parties == OWNERS
    assert plan.dealer is None
    for step in plan.steps:
        assert step.sent == step.rounds == {}
        assert not step.disclosed
        told = {(one.kind, one.to) for one in step.reveals}
        assert told == set(step.results.items())
        if step.component != "plan":
            assert step.statement is not None
            assert step.statement.protocol.startswith("attested execution")
    learns = plan.summary()["learns"]
    assert [line.partition(":")[0] for line in learns["lender"]] == ["evaluate"]
    assert [line.partition(":")[0] for line in learns["telecom"]] == ["boosting"]
    assert {line.partition(":")[0] for line in learns["payments"]} == {
        "logistic",
        "glm",
        "boosting",
        "neural",
    }


def test_a_report_says_where_it_was_made() -> None:
    made = run(
        [*BEFORE[:2], {"boosting": {"rounds": 3, "threads": 1}}, "evaluate", "report"],
        results={"report": ("payments", "regulator")},
        receivers=["regulator"],
    )
    page, other = (made.files[party]["report/report.html"] for party in ("regulator", "payments"))
    for one, name in ((page, b"regulator"), (other, b"payments")):
        assert b"Coterie report for " + name in one
        assert b"ROC curve" in one
    assert b"trusted execution environment (tee)" in page
    assert b"receives results, without data" in page


def test_the_same_again() -> None:
    steps = [*BEFORE, LOGISTIC, NETWORK, TREES, "evaluate"]
    assert run(steps).files == run(steps).files
