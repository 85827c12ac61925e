"""Jobs in the clear with learners that need no preparation, from a file to results."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coterie.data import DatasetSpec, inspect
from coterie.errors import CoterieError
from coterie.jobs import derive_plan, propose, validate_spec
from coterie.learn.boosting import load_model

from .conftest import Bench, Recorder, terms_for

ROWS = 300
FEATURES = ["age", "income", "job"]
KINDS = ("model", "importance", "shap", "loss", "metrics", "scores")
BOOSTING: dict[str, Any] = {
    "boosting": {
        "rounds": 8,
        "threads": 1,
        "categorical": ["lender.job"],
        "shap": "test",
        "early_stopping": 3,
    }
}
NEURAL: list[Any] = ["align", "split", "fill", "standardize", {"neural": {"epochs": 3}}, "evaluate"]


def write(folder: Path) -> DatasetSpec:
    """A file with gaps in a column of numbers and in one of texts."""
    random = np.random.default_rng(4)
    path = folder / "customers.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["key", "bad", *FEATURES])
        for row in range(ROWS):
            job = random.choice(["clerk", "pilot, first", "农民", ""])
            income = "" if random.random() < 0.3 else round(random.normal(30, 9), 2)
            age = random.integers(18, 80)
            bad = int(age / 20 + (job == "农民") + random.normal() > 2.6)
            lines.writerow([f"K{row}", bad, age, income, job])
    columns = [
        {"name": "key", "type": "text", "role": "id"},
        {"name": "bad", "type": "int", "role": "label"},
        {"name": "age", "type": "int"},
        {"name": "income", "type": "float", "nullable": True},
        {"name": "job", "type": "category", "nullable": True},
    ]
    spec = {"name": "customers", "source": {"kind": "csv", "path": str(path)}, "columns": columns}
    return DatasetSpec.model_validate(spec)


def ran(folder: Path, steps: list[Any], columns: list[str], kinds: tuple[str, ...] = KINDS) -> Bench:
    """The job, run by the one party that has all columns."""
    granted = {"name": "customers", "owner": "lender", "id": "key", "label": "bad", "columns": FEATURES}
    results = [{"kind": kind, "to": ["lender"]} for kind in kinds]
    terms = terms_for(datasets=[granted], engines=["clear"], results=results)
    asked = {
        "name": "score",
        "agreement": terms.id,
        "engine": "clear",
        "datasets": {"lender": "customers"},
        "columns": {"lender": columns},
        "steps": steps,
    }
    spec = write(folder)
    proposal = propose(validate_spec(asked), terms.id, "lender", {"lender": inspect(spec, "lender")})
    made = Bench(folder, terms, proposal, {"lender": spec}, {"lender": Recorder()})
    made.run()
    return made


def test_trees_from_a_file_with_gaps_and_texts(tmp_path: Path) -> None:
    made = ran(tmp_path, ["align", "split", BOOSTING, "evaluate"], FEATURES)
    assert not made.errors, made.errors
    files = made.recorders["lender"].files
    assert set(files) == {
        "boosting/boosting.model",
        "boosting/boosting.importance.json",
        "boosting/boosting.loss.json",
        "boosting/boosting.shap.parquet",
        "evaluate/metrics.json",
        "evaluate/scores.parquet",
    }
    model = load_model(files["boosting/boosting.model"].read_bytes())
    assert model.features[2].categories == ("clerk", "pilot, first", "农民")
    assert json.loads(files["evaluate/metrics.json"].read_text())["joint"]["auc"] > 0.6
    reveals = [
        body["what"] for body in made.recorders["lender"].bodies("reveal") if body["step"] == "boosting"
    ]
    assert len(reveals) == 4
    (plan,) = [step for step in derive_plan(made.proposal, made.terms).steps if step.step == "boosting"]
    assert plan.results == dict.fromkeys(("model", "importance", "loss", "shap"), ("lender",))


def test_a_network_from_a_file_with_gaps(tmp_path: Path) -> None:
    made = ran(tmp_path, NEURAL, ["age", "income"])
    assert not made.errors, made.errors
    files = made.recorders["lender"].files
    assert {"neural/neural.model", "neural/neural.loss.json", "evaluate/metrics.json"} <= set(files)


def test_a_job_that_nobody_may_have_explained_to_him(tmp_path: Path) -> None:
    with pytest.raises(CoterieError, match="CT-3081"):
        ran(tmp_path, ["align", "split", BOOSTING], FEATURES, ("model",))


def test_text_in_a_job_is_named_or_refused(tmp_path: Path) -> None:
    made = ran(tmp_path, ["align", "split", "boosting"], FEATURES)
    assert {error.code for error in made.errors.values()} == {"CT-3091"}
    assert made.errors["lender"].step == "boosting"
    assert "lender.job" in made.errors["lender"].detail
