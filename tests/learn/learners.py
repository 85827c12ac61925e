"""Pipelines in the clear, and tables for them: made ones, scikit-learn's, and real ones where they are."""

from __future__ import annotations

import functools
import gzip
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_breast_cancer

from coterie.data import VerticalFrame
from coterie.learn.align import Align
from coterie.learn.evaluate import Evaluate, Evaluation
from coterie.learn.split import Split, is_test

from .pipeline import Outcome, dataset, people, run

DATA = Path(__file__).parents[3] / "shared" / "data"
ALL_KINDS = dict.fromkeys(("model", "importance", "shap", "loss", "scores", "metrics"), ("lender",))
"""Without "report": its plots take longer than all the rest."""


@functools.cache
def mixed(rows: int = 1500) -> tuple[list[str], dict[str, Any]]:
    """Numbers, whole numbers, texts, truth values, codes; a fifth of some columns is missing."""
    ids, random = people(rows, 5)
    gone = random.random((3, rows)) < 0.2
    job = random.choice(["clerk", "farmer", "miner", "nurse", "pilot"], rows).astype(object)
    given = {
        "age": random.integers(18, 80, rows),
        "income": np.where(gone[0], np.nan, random.lognormal(3, 0.7, rows)),
        "late": np.where(gone[1], np.nan, random.poisson(1.0, rows)),
        "owns": random.random(rows) < 0.4,
        "region": random.integers(1, 9, rows) * 10,
        "job": np.where(gone[2], None, job).tolist(),
    }
    odds = given["age"] / 30 - np.log(np.nan_to_num(given["income"], nan=40.0)) + np.nan_to_num(given["late"])
    odds = odds + 1.5 * (job == "pilot") + (given["region"] == 30) * 1.0 + random.logistic(size=rows)
    return ids, {**given, "bad": (odds > 0.5).astype(int)}


@functools.cache
def cancer() -> tuple[list[str], dict[str, Any]]:
    """scikit-learn's breast cancer data, a tenth of it missing."""
    found = load_breast_cancer()
    ids, random = people(len(found.target), 1)
    values = np.where(random.random(found.data.shape) < 0.1, np.nan, found.data)
    columns = {f"c{place}": values[:, place] for place in range(values.shape[1])}
    return ids, {**columns, "bad": found.target}


@functools.cache
def credit() -> tuple[list[str], dict[str, Any]]:
    """Give Me Some Credit, both parties' columns joined; missing values as they are."""
    path = DATA / "give_me_some_credit" / "cs-training.csv.gz"
    if not path.exists():
        pytest.skip(f"no {path}: see README.md there for where it comes from")
    with gzip.open(path) as file:
        table = pd.read_csv(file, index_col=0)
    columns = {name: table[name].to_numpy() for name in table.columns}
    return [f"p{number}" for number in table.index], {**columns, "bad": columns.pop("SeriousDlqin2yrs")}


def alone(
    step: tuple[str, Any, Mapping[str, Any]],
    data: tuple[list[str], dict[str, Any]] | None = None,
    *,
    label: str = "number",
    before: Sequence[tuple[str, Any, Mapping[str, Any]]] = (),
    evaluate: bool = True,
    receivers: Mapping[str, tuple[str, ...]] = ALL_KINDS,
) -> Outcome:
    """Align, split, what comes before, train, evaluate, at one party with all columns."""
    ids, columns = mixed() if data is None else data
    steps = [("align", Align(), {}), ("split", Split(), {"test": 0.3, "label": label}), *before, step]
    if evaluate:
        steps.append(("evaluate", Evaluate(), {}))
    table = dataset(ids, columns, label="bad")
    return run(
        {"lender": table}, steps, label="bad", label_holder="lender", engine="clear", receivers=receivers
    )["lender"]


def told_apart(outcome: Outcome, part: float) -> list[int]:
    """A label by id that is 0 in the training rows that early stopping does not hold back, 1 in those that it
    does, and both in the test rows."""
    train, data = outcome.frames["train"], outcome.last.dataset
    assert data is not None
    held = is_test(train.keys, part, "early stopping 0")
    known = dict(zip([bytes(key) for key in train.keys], held.tolist(), strict=True))
    keys = [bytes(key) for key in data.keyed_ids(outcome.last.id_key)]
    return [int(known.get(key, key[0] % 2)) for key in keys]


def plain(frame: VerticalFrame, categorical: Sequence[str] = ()) -> tuple[pd.DataFrame, Any]:
    """Features and label of a frame as people have them in pandas."""
    table = frame.table.to_pandas()
    for name in table.columns:
        if name in categorical:
            table[name] = table[name].astype("category")
        elif name != "bad":
            table[name] = table[name].astype(float)
    return table.drop(columns="bad"), table["bad"].to_numpy()


def metrics(outcome: Outcome) -> Evaluation:
    return Evaluation.model_validate_json(outcome.published["metrics/metrics.json"])


def scores(outcome: Outcome) -> dict[str, float]:
    """By id."""
    found = pq.read_table(io.BytesIO(outcome.published["scores/scores.parquet"])).to_pydict()
    return dict(zip(found["id"], found["score"], strict=True))
