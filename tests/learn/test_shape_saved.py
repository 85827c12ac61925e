"""Saved pipelines do to new rows what was done to the training rows, column by column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from coterie.errors import CoterieError
from coterie.learn import read_pipeline

from .pipeline import Outcome, dataset
from .shape_data import table
from .test_pipeline import ALL, PARTIES, files, job, predict, scores

STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("align", {}),
    ("filter", {"party": "lender", "where": "age >= 21"}),
    ("split", {"method": "stratified", "by": "lender.bad"}),
    ("sample", {"method": "weights", "share": 0.4}),
    ("cast", {"columns": {"payments.since": {"parts": ["days", "month"]}, "lender.owns": "int"}}),
    ("derive", {"columns": {"lender.per_year": "coalesce(income, 0) / age"}, "drop": ["lender.age"]}),
    ("clip", {"high_quantile": 0.99, "columns": ["lender.income", "payments.late"]}),
    ("fill", {"text_method": "own_category", "integers": "round"}),
    ("onehot", {"columns": ["payments.job", "lender.code"], "categories": 3, "drop": "first"}),
    ("minmax", {"columns": ["payments.since_month"], "low": -1, "keep": ["payments.region"]}),
    ("standardize", {"keep": ["payments.since_month"]}),
    ("glm", {"family": "logistic", "weights": "lender.sample_weight", "l2": 0.01, "iterations": 5}),
    ("save", {"name": "credit"}),
    ("score", {}),
)


def data(given: pd.DataFrame, label: bool = True) -> dict[str, Any]:
    own = {"lender": ["age", "income", "owns", "code"], "payments": ["job", "late", "since", "region"]}
    own["lender"] += ["bad"] if label else []
    return {
        party: dataset(list(given.index), {name: given[name].tolist() for name in names}, "bad")
        for party, names in own.items()
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Outcome], dict[str, Path]]:
    outcomes = job(data(table()), STEPS)
    return outcomes, files(outcomes, tmp_path_factory.mktemp("shaped"))


def test_rows_are_scored_as_in_the_job_that_trained(trained: Any) -> None:
    outcomes, kept = trained
    before = scores(outcomes["lender"])
    again = scores(predict(kept, data(table(), label=False))["lender"])
    assert set(before) < set(again)
    assert [again[one] for one in before] == pytest.approx(list(before.values()), abs=1e-4)
    assert np.std(list(before.values())) > 1e-3


def test_each_owner_alone_keeps_its_categories(trained: Any) -> None:
    _, kept = trained
    mine, theirs = (read_pipeline(kept[party]) for party in PARTIES)
    assert b"clerk" not in mine.part("onehot", "state")
    assert b"clerk" in theirs.part("onehot", "state")
    assert "clerk" not in mine.pipeline.model_dump_json()
    left = next(one for one in mine.pipeline.steps if one.step == "onehot").left
    names = {own.party: own.columns for own in left}
    assert names["payments"] == ("job#1", "job#2", "job#3", "late", "since_days", "since_month", "region")


def test_unknown_categories_of_new_rows_are_others(trained: Any) -> None:
    _, kept = trained
    new = table(60, seed=9).assign(job="astronaut", code="never seen")
    rare = new.assign(job="nurse", code="c999")
    found, wanted = (scores(predict(kept, data(one, label=False))["lender"]) for one in (new, rare))
    assert found == pytest.approx(wanted, abs=1e-4)


def test_dates_of_new_rows_that_are_none_are_refused_by_code(trained: Any) -> None:
    _, kept = trained
    with pytest.raises(CoterieError) as caught:
        predict(kept, data(table(60, seed=9).assign(since="31.12.2026"), label=False), receivers=ALL)
    assert (caught.value.code, caught.value.party) == ("CT-3119", "payments")
