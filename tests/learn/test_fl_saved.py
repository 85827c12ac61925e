"""Pipelines of horizontal jobs: every party keeps the whole model, and scores new rows of its own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from coterie.errors import CoterieError
from coterie.learn import COMPONENTS, read_pipeline
from tests.learn import pipeline
from tests.learn.horizontal import run
from tests.learn.horizontal_data import NAMES, datasets, parted
from tests.learn.test_fl_binning import table

BY_NAME = {one.name: one for one in COMPONENTS}
CARD = [
    ("bin", {"columns": ["each.income", "each.grade", "each.town", "each.debt"]}),
    ("woe", {}),
    ("logistic", {}),
    ("scorecard", {}),
]
TREES = [("fill", {}), ("clip", {"high_quantile": 0.99}), ("boosting", {"rounds": 2})]

SHAPES = [
    ("fill", {}),
    ("kmeans", {"clusters": 3, "columns": ["each.income", "each.grade"], "column": "segment"}),
    ("pca", {"columns": ["each.income", "each.debt"], "scale": "standard"}),
    ("naive_bayes", {"categorical": ["each.segment"], "categories": 4}),
]


def steps(*given: Any) -> list[Any]:
    return [(name, BY_NAME[name], params) for name, params in given]


def scored(outcome: Any) -> dict[str, float]:
    found = pq.read_table(io.BytesIO(outcome.published["scores/scores.parquet"])).to_pydict()
    return dict(zip(found["id"], found["score"], strict=True))


@pytest.mark.parametrize("prepared", [CARD, TREES, SHAPES], ids=["card", "trees", "shapes"])
def test_new_rows_are_scored_as_in_the_job_that_trained(prepared: Any, tmp_path: Path) -> None:
    left = {"town"} if prepared is TREES else set()
    columns = {name: values for name, values in table(1500).items() if name not in left}
    given = datasets(columns, "bad")
    reasons = [("reasons", {"frame": "all", "most": 1, "points": "own"})] if prepared is CARD else []
    after_model = [("evaluate", {"frame": "all"}), *reasons, ("save", {"name": "credit"})]
    trained = steps(("stack", {}), *prepared, *after_model)
    before = run(given, trained, label="bad", coordinator="hub")
    files = {name: tmp_path / f"{name}.pipeline" for name in NAMES}
    for name, path in files.items():
        path.write_bytes(before[name].published["pipeline/credit.pipeline"])
    assert len({read_pipeline(path).pipeline.identity for path in files.values()}) == 1
    del columns["bad"]
    new = {
        name: pipeline.dataset(
            [f"{name}-{row}" for row in range(part.stop - part.start)],
            {column: values[part] for column, values in columns.items()},
        )
        for name, part in parted(1500).items()
    }
    again = steps(("stack", {}), ("predict", {"pipeline": "credit@1"}), *reasons)
    saved = {"credit@1": files["north"]}
    after = run(new, again, label="bad", coordinator="hub", pipelines=saved)
    alone = run({"north": new["north"]}, again, label="bad", engine="clear", pipelines=saved)
    for name in NAMES:
        assert scored(after[name]) == scored(before[name])
        if prepared is CARD:
            files_of = [one[name].published["reasons/reasons.parquet"] for one in (before, after)]
            listed, again_listed = (pq.read_table(io.BytesIO(one)) for one in files_of)
            assert listed == again_listed
            assert listed.column_names == ["id", "reason_1", "points_1"]
            assert set(listed["reason_1"].drop_null().to_pylist()) <= set(CARD[0][1]["columns"])
    assert scored(alone["north"]) == scored(before["north"])
    assert not any(after[name].plans["predict"].sent for name in NAMES)
    with pytest.raises(CoterieError) as caught:
        run({"north": new["north"]}, again, label="bad", engine="tee", pipelines=saved)
    assert caught.value.code == "CT-3186"
