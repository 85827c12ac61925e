"""Reasons: the largest deductions against NumPy, joint lists against pooled ones, who is told what."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.learn.component import StepPlan
from coterie.learn.reasons import Reasons, ReasonsParams
from coterie.learn.reasons.clear import joined as joined_lists
from coterie.learn.reasons.clear import largest, limit_of
from coterie.learn.reasons.mpc import Lists, merging
from coterie.learn.scorecard import Scale, ScorecardFacts
from coterie.mpc import twin
from tests.mpc.rig import NAMES
from tests.mpc.rig import play as computed

from .card_data import OWNERS, ROWS, attested, joint, play, steps, tables, to_all, whole
from .pipeline import Outcome
from .test_plan_bounds import NETWORKS, around, beyond

Units = NDArray[np.int64]


def by_sorting(deductions: Units, most: int) -> tuple[Units, Units]:
    """Numbers from 1, 0 where nothing is deducted, and deductions: row by row, in plain Python."""
    numbers, units = [], []
    for row in deductions.tolist():
        first = sorted(range(len(row)), key=lambda j: (-row[j], j))[:most]
        numbers.append([j + 1 if row[j] else 0 for j in first])
        units.append([row[j] for j in first])
    return np.array(numbers), np.array(units)


@given(
    widths=st.lists(st.integers(0, 6), min_size=2, max_size=5).filter(any),
    most=st.integers(1, 5),
    largest_unit=st.sampled_from((1, 3, 640)),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_lists_are_merged_as_all_is_sorted(
    widths: list[int], most: int, largest_unit: int, seed: int
) -> None:
    """Of a program in the clear: with many equal deductions, owners without features, and fewer features than
    there are places."""
    random = np.random.default_rng(seed)
    sizes = {f"p{i}": width for i, width in enumerate(widths) if width}
    own = {name: random.integers(0, largest_unit + 1, (40, width)) for name, width in sizes.items()}
    together = np.hstack(list(own.values()))
    lengths = {name: min(most, width) for name, width in sizes.items()}
    lists = Lists(40, lengths, sum(sizes.values()), 640, most, units=True)
    given, sorted_by_owner, first = {}, [], 1
    for owner, deductions in own.items():
        mine = largest(deductions, most, first)
        sorted_by_owner.append(mine)
        first += deductions.shape[1]
        given[f"numbers of {owner}"] = mine.numbers.T.astype(float)
        given[f"units of {owner}"] = mine.units.T.astype(float)
    found = twin(merging(lists, ["p0"]), [f"p{i}" for i in range(len(widths))], given).revealed
    numbers, units = by_sorting(together, most)
    np.testing.assert_array_equal(found["numbers"].T, numbers)
    np.testing.assert_array_equal(found["units"].T, units)
    plain = joined_lists(sorted_by_owner, most)
    np.testing.assert_array_equal(plain.numbers, numbers)
    np.testing.assert_array_equal(plain.units, units)


@pytest.mark.parametrize("parties", [2, 3])
def test_parties_merge_their_lists(parties: int) -> None:
    random = np.random.default_rng(parties)
    names = NAMES[:parties]
    own = {name: random.integers(0, 50, (500, 4)) for name in names}
    given = {}
    for number, (name, deductions) in enumerate(own.items()):
        mine = largest(deductions, 3, 1 + 4 * number)
        given[f"numbers of {name}"] = mine.numbers.T.astype(float)
        given[f"units of {name}"] = mine.units.T.astype(float)
    lists = Lists(500, dict.fromkeys(names, 3), 4 * parties, 640, 3, units=False)
    played = computed(merging(lists, names[:1]), given, names)
    numbers, _ = by_sorting(np.hstack(list(own.values())), 3)
    np.testing.assert_array_equal(played.outputs[names[0]].revealed["numbers"].T, numbers)
    assert list(played.outputs[names[0]].revealed) == ["numbers"]
    assert not played.outputs[names[1]].revealed
    assert played.sent() == played.tape.sent


def test_deductions_are_limited_to_32_times_the_pdo() -> None:
    assert limit_of(Scale(600, 50, 20, 0)) == 640
    assert limit_of(Scale(600, 50, 0.7, 2)) == 2300


def listed(content: bytes) -> pd.DataFrame:
    return pq.read_table(io.BytesIO(content)).to_pandas().set_index("id").sort_index()


def told(outcome: Outcome, step: str) -> pd.DataFrame:
    return listed(outcome.published[f"reasons/{step}.parquet"])


def features(table: pd.DataFrame, place: int) -> pd.Series:
    """Reasons of one place, without the names of parties."""
    return table[f"reason_{place}"].str.replace(r"^.*\.", "", regex=True)


def test_reasons_are_what_the_table_of_points_says() -> None:
    alone = whole(2)
    card = json.loads(alone.published["scorecard/card.scorecard.json"])["columns"]
    bins = {one.name: one for one in alone.last.models["woe"].states["lender"].columns}
    raw = alone.last.datasets["lender"].table
    lost = []
    for column in card:
        own = np.array([one["points"] for one in column["bins"]])
        assert (column["most"], column["least"]) == (own.max(), own.min())
        lost.append((own.max() - own[bins[column["name"]].assign(raw.column(column["name"]))]).astype(int))
    numbers, units = by_sorting(np.stack(lost, 1), 3)
    names = np.array(["none", *(f"lender.{one['name']}" for one in card)])
    ids = alone.last.datasets["lender"].ids.to_pylist()
    expected = pd.DataFrame(names[numbers], index=ids).sort_index()
    table = told(alone, "all")
    for place in range(3):
        assert table[f"reason_{place + 1}"].fillna("none").tolist() == expected[place].tolist()
    points = pd.DataFrame(np.where(units > 0, units, np.nan), index=ids).sort_index()
    np.testing.assert_array_equal(table[[f"points_{i}" for i in (1, 2, 3)]], points)
    assert (numbers == 0).any()  # rows with fewer reasons than three


def test_against_the_mean_only_what_is_below_it_is_a_reason() -> None:
    alone = whole(2)
    frame, scale = alone.last.frames["all"], alone.last.planning.models["card"].scale
    card = alone.last.models["card"]
    names = [*OWNERS[2]["lender"], *OWNERS[2]["bureau"]]
    units = scale.units(card.coefficients("lender", names), frame.matrix(names))
    numbers, _ = by_sorting(np.clip(np.rint(units.mean(axis=0)).astype(int) - units, 0, None), 5)
    listed = np.array(["none", *names])[numbers]
    table = told(alone, "mean")
    shown = np.stack([features(table, place).fillna("none") for place in range(1, 6)], 1)
    assert sorted(map(tuple, shown)) == sorted(map(tuple, listed))


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("step", ["all", "mean"])
def test_joint_reasons_are_the_pooled_ones(parties: int, step: str) -> None:
    alone, summary = told(whole(parties), step), None
    for party, names in OWNERS[parties].items():
        table = told(joint(parties)[party], step)
        assert ("points_1" in table) == (step == "all")
        for place in range(1, 4 if step == "all" else 6):
            pd.testing.assert_series_equal(features(table, place), features(alone, place))
            owners = table[f"reason_{place}"].str.partition(".")[0]
            assert set(features(table, place)[owners == party].dropna()) <= set(names)
            if step == "all":
                pd.testing.assert_series_equal(table[f"points_{place}"], alone[f"points_{place}"])
        content = json.loads(joint(parties)[party].published[f"reasons/{step}.reasons.json"])
        assert summary in (None, content)
        summary = content
    assert summary is not None
    for one in summary["features"]:
        counts = [(features(alone, i + 1) == one["column"]).sum() for i in range(len(one["rows"]))]
        assert one["rows"] == counts
    assert summary["without"] == alone["reason_1"].isna().sum()


@pytest.mark.parametrize("party", ["lender", "bureau"])
def test_points_of_others_are_not_told(party: str) -> None:
    table, alone = told(joint(2)[party], "own"), told(whole(2), "own")
    for place in (1, 2):
        mine = table[f"reason_{place}"].str.startswith(f"{party}.").fillna(value=False).astype(bool)
        assert 0 < mine.sum() < ROWS
        assert table[f"points_{place}"][~mine].isna().all()
        # of two decimals, where the coefficients are rounded
        np.testing.assert_allclose(table[f"points_{place}"][mine], alone[f"points_{place}"][mine], atol=0.03)
    attested_table = listed(attested()[1]["reasons"][party]["own.parquet"])
    pd.testing.assert_frame_equal(attested_table, table, atol=0.03)


def test_reasons_go_to_receivers_alone() -> None:
    step = ("reasons", Reasons(), {"frame": "all", "most": 1})
    receivers = {**to_all(tables(40)), "reasons": ("bureau", "hub")}
    outcomes = play(tables(400), steps(step), receivers=receivers)
    assert "reasons/reasons.parquet" in outcomes["bureau"].published
    assert "reasons/reasons.parquet" not in outcomes["lender"].published
    assert not outcomes["hub"].published
    plan = outcomes["hub"].plans["reasons"]
    assert [(one.to, one.values, one.kind) for one in plan.reveals] == [(("bureau",), 400, "reasons")]
    assert [(one.to, one.values) for one in plan.disclosed] == [(("bureau",), 400)]


def card_of(rows: int, network: Any, count: int, correlations: Any = "stream") -> Any:
    context = around(rows, network, correlations, count)
    context.receivers = {"reasons": ("lender",)}
    context.models["card"] = ScorecardFacts(context.columns, Scale(600, 50, 20, 0), "glm", "woe")
    return context


@given(
    most_rows=st.integers(200, 1 << 18),
    share=st.floats(0.01, 1, exclude_max=True),
    network=st.sampled_from(NETWORKS),
    count=st.sampled_from((2, 3)),
    correlations=st.sampled_from(("stream", "tape")),
    params=st.builds(ReasonsParams, most=st.integers(1, 5), points=st.sampled_from(("none", "own", "all"))),
)
@settings(max_examples=25, deadline=None)
def test_fewer_rows_need_no_more(
    most_rows: int, share: float, network: Any, count: int, correlations: Any, params: ReasonsParams
) -> None:
    def plan(rows: int) -> StepPlan:
        return Reasons().plan(card_of(rows, network, count, correlations), params)

    assert not beyond(plan(max(100, int(most_rows * share))), plan(most_rows))


@given(st.sampled_from(("lender", "payments", "telecom")), st.sampled_from(NETWORKS))
@settings(max_examples=18, deadline=None)
def test_fewer_features_need_no_more(party: str, network: Any) -> None:
    context, fewer = card_of(1000, network, 3), card_of(1000, network, 3)
    columns = {owner: names for owner, names in fewer.columns.items() if owner != party}
    fewer.models["card"] = ScorecardFacts(columns, Scale(600, 50, 20, 0), "glm", "woe")
    bound, need = (Reasons().plan(one, ReasonsParams()) for one in (context, fewer))
    assert not beyond(need, bound)


def refusal(**changes: Any) -> CoterieError:
    context = card_of(1000, None, 2)
    for name, value in changes.items():
        setattr(context, name, value)
    with pytest.raises(CoterieError) as caught:
        Reasons().plan(context, ReasonsParams(scorecard=None))
    return caught.value


def test_what_is_refused() -> None:
    assert refusal(models={}).code == "CT-3160"
    assert refusal(receivers={"reasons": ("hub",)}).code == "CT-3161"
    assert refusal(frames={}).code == "CT-3001"
    shape = card_of(1000, None, 2).frames["test"]
    other = {"test": shape.__class__(**{**shape.__dict__, "columns": {"lender": ("age",)}})}
    assert refusal(frames=other).code == "CT-3054"
    with pytest.raises(CoterieError) as caught:
        Reasons().plan(card_of(1000, None, 2), ReasonsParams(scorecard="other"))
    assert caught.value.code == "CT-3160"
    assert "'other'" in str(caught.value)
