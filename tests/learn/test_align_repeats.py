"""Ids with several rows: the frame is the join that pandas makes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from coterie.data import Dataset, Groups
from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.align.repeats import Combined, told_counts
from coterie.learn.evaluate import Evaluate
from coterie.learn.logistic import Logistic
from coterie.learn.split import Split
from coterie.learn.standardize import Standardize
from coterie.wire import local_meshes

from .in_tee import run_in_tee
from .pipeline import dataset, run

NAMES = ("lender", "payments", "telecom")
SETTINGS: dict[str, Any] = {"label": "bad", "label_holder": "lender", "dealer": "hub"}


def repeated(ids: list[str], columns: dict[str, Any], label: str | None = None) -> Dataset:
    """A dataset of these rows, whose ids may repeat."""
    whole = dataset(ids, columns, label)
    different = list(dict.fromkeys(ids))
    rows = [[row for row, one in enumerate(ids) if one == wanted] for wanted in different]
    offsets = np.cumsum([0, *map(len, rows)])
    groups = Groups(offsets, np.concatenate(rows).astype(np.int64))
    return Dataset(whole.spec, whole.columns, pa.array(different, pa.large_string()), groups=groups)


def table_of(one: Dataset, name: str) -> pd.DataFrame:
    groups = one.groups
    ids = one.ids.to_pylist()
    if groups is not None:
        by_row = np.empty(one.rows, dtype=object)
        for place, wanted in enumerate(ids):
            by_row[groups.rows[groups.offsets[place] : groups.offsets[place + 1]]] = wanted
        ids = by_row.tolist()
    return pd.DataFrame({"id": ids, f"{name}_a": one.table[f"{name}_a"].to_pylist()})


def tables(repeating: tuple[str, ...], parties: int = 2, seed: int = 1) -> dict[str, Dataset]:
    """Thirty ids at each; where they repeat, one to three rows of each. Every row has a number of its own."""
    random = np.random.default_rng(seed)
    given = {}
    for place, name in enumerate(NAMES[:parties]):
        ids = [f"p{k:02}" for k in random.permutation(45)[:30]]
        if name in repeating:
            ids = [one for one in ids for _ in range(random.integers(1, 4))]
            ids = [ids[k] for k in random.permutation(len(ids))]
        columns: dict[str, Any] = {f"{name}_a": np.arange(len(ids), dtype=float) + 1000 * place}
        if name == "lender":
            columns["bad"] = random.integers(0, 2, len(ids))
        given[name] = (repeated if name in repeating else dataset)(ids, columns, "bad")
    return given


def joined(given: dict[str, Dataset], how: str) -> list[tuple[float | None, ...]]:
    """By pandas: rows common to all, and with "left" the lender's others with nothing beside them."""
    frames = {name: table_of(one, name) for name, one in given.items()}
    result = frames["lender"]
    for name in list(given)[1:]:
        result = result.merge(frames[name], on="id", how="inner")
    columns = [f"{name}_a" for name in given]
    rows = [tuple(row) for row in result[columns].itertuples(index=False)]
    if how == "left":
        lender = frames["lender"]
        others = lender[~lender["id"].isin(result["id"])]["lender_a"]
        rows += [(one, *[None] * (len(given) - 1)) for one in others]
    return sorted(rows, key=str)


CASES = [
    (("lender",), 2, {}),
    (("payments",), 2, {}),
    (("lender", "payments"), 2, {"most_rows": 400}),
    (("payments",), 3, {}),
    (("payments", "telecom"), 3, {"most_rows": 400}),
]


@pytest.mark.parametrize("join", ["inner", "left"])
@pytest.mark.parametrize(("repeating", "parties", "params"), CASES)
def test_the_frame_is_the_join_of_all_rows(
    repeating: tuple[str, ...], parties: int, params: dict[str, Any], join: str
) -> None:
    given = tables(repeating, parties)
    outcomes = run(given, (("align", Align(), {"join": join, **params}),), **SETTINGS)
    frames = {name: outcomes[name].frames["all"] for name in given}
    columns = [frames[name].parts[name][f"{name}_a"].to_pylist() for name in given]
    wanted = joined(given, join)
    assert sorted(zip(*columns, strict=True), key=str) == wanted
    everywhere = set.intersection(*(set(one.ids.to_pylist()) for one in given.values()))
    for frame in frames.values():
        assert np.array_equal(frame.keys, frames["lender"].keys)
        assert len({key.tobytes() for key in frame.keys}) == frame.rows
        assert frame.common_rows == len(everywhere)
        assert frame.repeats
    context, _ = run_in_tee(given, (("align", Align(), {"join": join, **params}),), {})
    whole = context.frames["all"]
    found = [whole.column(name, f"{name}_a").to_pylist() for name in given]
    assert sorted(zip(*found, strict=True), key=str) == wanted
    assert whole.common_rows == len(everywhere)
    assert len({key.tobytes() for key in whole.keys}) == whole.rows


def test_the_plan_says_who_tells_whom_how_many() -> None:
    given = tables(("payments",))
    plan = run(given, (("align", Align(), {}),), **SETTINGS)["hub"].plans["align"]
    without = tables(())
    plain = run(without, (("align", Align(), {}),), **SETTINGS)["hub"].plans["align"]
    assert plan.sent["payments"]["lender"] == plain.sent["payments"]["lender"] + 4 * 30
    assert plan.sent["lender"] == plain.sent["lender"]
    assert plan.rounds["lender"] == plain.rounds["lender"] + 1
    assert [(one.what, one.to, one.values) for one in plan.reveals[1:]] == [
        ("number of common ids, and of the rows that they make", ("lender", "payments", "hub"), 2),
        ("how many rows payments has of each common id", ("lender",), 30),
    ]


def test_rows_of_one_id_stay_together_and_are_listed_by_their_id() -> None:
    random = np.random.default_rng(4)
    ids = [f"p{k:03}" for k in range(300)]
    rows = [one for one in ids for _ in range(random.integers(1, 4))]
    score = random.normal(0, 1, len(rows))
    labels = (random.random(len(rows)) < 1 / (1 + np.exp(-2 * score))).astype(int)
    given = {
        "lender": repeated(rows, {"a": score, "bad": labels}, "bad"),
        "payments": dataset(ids[:250], {"b": random.normal(0, 1, 250)}),
    }
    steps = (
        ("align", Align(), {}),
        ("split", Split(), {"test": 0.4}),
        ("standardize", Standardize(), {}),
        ("logistic", Logistic(), {"passes": 20}),
        ("evaluate", Evaluate(), {}),
    )
    outcomes = run(given, steps, receivers={"metrics": ("lender",), "scores": ("lender",)}, **SETTINGS)
    frames = outcomes["lender"].frames
    train, test = ({key[:24].tobytes() for key in frames[part].keys} for part in ("train", "test"))
    assert not train & test
    assert len(train) + len(test) == 250
    name = next(name for name in outcomes["lender"].published if name.startswith("scores/"))
    listed = pq.read_table(io.BytesIO(outcomes["lender"].published[name]))
    assert listed.num_rows == frames["test"].rows
    places = frames["test"].places["lender"]
    assert listed["id"].to_pylist() == [rows[place] for place in places]


def test_what_is_refused() -> None:
    both = tables(("lender", "payments"))
    with pytest.raises(CoterieError, match=r"CT-3222.*lender, payments"):
        run(both, (("align", Align(), {}),), **SETTINGS)
    with pytest.raises(CoterieError, match=r"CT-3224.*more than 20"):
        run(both, (("align", Align(), {"most_rows": 20}),), **SETTINGS)
    with pytest.raises(CoterieError, match=r"CT-3229.*20, and 21 rows"):
        run(both, (("align", Align(), {"most_rows": 20}),), min_rows=21, **SETTINGS)


@pytest.mark.parametrize("counts", [[0, 1, 1, 0, 0], [9, 9, 9, 0, 0], [1, 1, 1, 1, 0]])
def test_counts_that_cannot_be_are_the_peers_fault(counts: list[int]) -> None:
    given = {
        "lender": dataset(list("abcde"), {"lender_a": range(5)}),
        "payments": repeated(list("abcdefa"), {"payments_a": range(7)}),
    }
    context = run(given, (("align", Align(), {}),), **SETTINGS)["lender"].last
    mine, theirs = local_meshes(["lender", "payments"]).values()
    context.mesh = mine
    theirs.to("lender").send_array("rows of ids", np.array(counts, "<u4"))
    with pytest.raises(CoterieError, match=r"CT-3223.*party payments"):
        told_counts(context, {"lender": np.arange(3)})


@settings(max_examples=60, deadline=None)
@drawn(st.lists(st.tuples(*[st.integers(1, 4)] * 3), min_size=1, max_size=6))
def test_combinations_are_those_of_nested_loops(counts: list[tuple[int, int, int]]) -> None:
    table = np.array(counts)
    rows = {
        name: [[10 * i + j for j in range(one[p])] for i, one in enumerate(counts)]
        for p, name in enumerate(NAMES)
    }
    wanted = [
        (x, y, z)
        for i in range(len(counts))
        for x in rows["lender"][i]
        for y in rows["payments"][i]
        for z in rows["telecom"][i]
    ]
    made = Combined({name: table[:, p] for p, name in enumerate(NAMES)}, 10**6, "align")
    found = [made.of(name, np.array([one for few in rows[name] for one in few])).tolist() for name in NAMES]
    assert list(zip(*found, strict=True)) == wanted
    with pytest.raises(CoterieError, match="CT-3224"):
        Combined({name: table[:, p] for p, name in enumerate(NAMES)}, made.rows - 1, "align")


def test_a_product_that_is_too_large_for_a_number_is_too_many_rows() -> None:
    huge = np.full(3, 1 << 31)
    with pytest.raises(CoterieError, match="CT-3224"):
        Combined(dict.fromkeys(NAMES, huge), 1 << 60, "align")
