"""Bins on shares: the same as in the clear, to the last count; plans that tell nothing; refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.binning import Bin, BinParams, Bins, Woe, WoeParams
from coterie.learn.binning.groups import Groups
from coterie.learn.binning.merging import merge
from coterie.learn.binning.mpc import inputs, merged_of, program_of
from coterie.learn.component import Component, FrameShape, Params, PlanContext, RunContext, StepPlan
from coterie.learn.split import Split
from coterie.mpc import Correlations, Network, twin
from coterie.wire import local_meshes

from .pipeline import Outcome, dataset, people, run
from .test_plan_bounds import NETWORKS, beyond

ROWS = 600


class Lay(Component[Params]):
    """Frames of datasets that have the same rows in one order, for any number of parties."""

    name = "lay"
    summary = "Lay datasets side by side."
    Parameters = Params
    engines = frozenset({"clear", "mpc"})

    def plan(self, context: PlanContext, params: Params) -> StepPlan:
        rows = min(context.dataset_rows.values())
        context.frames["all"] = FrameShape(rows, context.columns, context.label_holder, context.label)
        return StepPlan(context.step, self.name, {})

    def run(self, context: RunContext, params: Params) -> None:
        planning = context.planning
        keys = np.zeros((min(planning.dataset_rows.values()), 32), np.uint8)
        keys[:, :4] = np.arange(len(keys), dtype=">u4").view(np.uint8).reshape(-1, 4)
        parts = {owner: context.datasets[owner].table for owner in context.mine}
        if parts:
            context.frames["all"] = VerticalFrame(
                len(keys), planning.columns, planning.label_holder, planning.label, parts, keys
            )


LAY = ("lay", Lay(), {})
BIN = ("bin", Bin(), {})
WOE = ("woe", Woe(), {})
PARTIES = ("lender", "shop", "telecom")


def columns(seed: int = 0, rows: int = ROWS) -> tuple[list[str], dict[str, dict[str, Any]]]:
    ids, random = people(rows, seed)
    x, z, w = random.normal(size=(3, rows))
    bad = (random.random(rows) < 1 / (1 + np.exp(0.7 - x - z - w / 2))).astype(int)
    z = np.where(random.random(rows) < 0.15, np.nan, z)
    tariff = random.choice(["basic", "plus", "max", "rare"], rows, p=[0.5, 0.3, 0.19, 0.01])
    own = {
        "lender": {"age": x, "bad": bad.tolist()},
        "shop": {"spent": z, "tariff": tariff.tolist()},
        "telecom": {"calls": np.where(random.random(rows) < 0.1, -1.0, w.round(1))},
    }
    return ids, own


def job(
    steps: Any, parties: int = 2, changes: Mapping[str, Mapping[str, Any]] | None = None, **more: Any
) -> dict[str, Outcome]:
    ids, own = columns()
    for party, changed in (changes or {}).items():
        own[party] = {**own[party], **changed}
    tables = {party: dataset(ids, own[party], "bad") for party in PARTIES[:parties]}
    given = {"receivers": {"bins": PARTIES, "iv": PARTIES[:parties]}, "dealer": "hub", **more}
    return run(tables, steps, label="bad", label_holder="lender", **given)


def pooled(steps: Any, parties: int = 2, **more: Any) -> Outcome:
    """All columns at one party, in the clear."""
    ids, own = columns()
    every = {name: values for party in PARTIES[:parties] for name, values in own[party].items()}
    given = {"receivers": {"bins": ("lender",), "iv": ("lender",)}, **more}
    table = {"lender": dataset(ids, every, "bad")}
    return run(table, steps, label="bad", label_holder="lender", engine="clear", **given)["lender"]


def document(outcome: Outcome, name: str) -> Any:
    return json.loads(outcome.published[name])


@pytest.mark.parametrize("method", ["quantile", "width", "chimerge", "optimal"])
@pytest.mark.parametrize("parties", [2, 3])
def test_joint_bins_are_the_pooled_ones(method: str, parties: int) -> None:
    special = {"telecom.calls": [-1.0]} if parties == 3 else {}
    given = {"method": method, "special": special}
    joint = job((LAY, ("bin", Bin(), given)), parties)
    flat = {"lender." + name.split(".")[1]: values for name, values in special.items()}
    alone = pooled((LAY, ("bin", Bin(), {**given, "special": flat})), parties)
    one = {column["name"]: column for column in document(alone, "bins/bin.bins.json")["columns"]}
    found = {}
    for party in PARTIES[:parties]:
        own = {column["name"]: column for column in document(joint[party], "bins/bin.bins.json")["columns"]}
        assert set(own) == set(columns()[1][party]) - {"bad"}  # nobody sees another's
        found |= own
    assert found == one
    tables = [document(joint[party], "iv/bin.iv.json") for party in PARTIES[:parties]]
    assert all(table == tables[0] for table in tables)
    assert {row["column"]: row["iv"] for row in tables[0]["columns"]} == {
        row["column"]: row["iv"] for row in document(alone, "iv/bin.iv.json")["columns"]
    }


def test_columns_become_weights() -> None:
    joint = job((LAY, ("split", Split(), {"test": 0.3}), BIN, ("woe", Woe(), {"clip": 0.5})))
    frames = joint["shop"].frames
    bins = joint["shop"].contexts["bin"].models["bin"].states["shop"]
    for name in ("train", "test", "all"):
        values = frames[name].column("shop", "spent").to_numpy()
        assert np.abs(values).max() <= 0.5
        assert set(values) <= {*np.clip(bins.of("spent").woes, -0.5, 0.5)}
    assert joint["lender"].last.planning.frames["all"].bound is None
    assert bins.of("spent").rows == frames["train"].rows
    assert joint["shop"].plans["woe"].sent == {}


def test_scores_are_trained_on_weights() -> None:
    from coterie.learn.evaluate import Evaluate
    from coterie.learn.logistic import Logistic

    steps = (LAY, BIN, WOE, ("train", Logistic(), {"passes": 8}), ("e", Evaluate(), {"frame": "all"}))
    receivers = {"bins": PARTIES, "metrics": ("lender",)}
    outcome = job(steps, receivers=receivers)["lender"]
    assert document(outcome, "metrics/metrics.json")["joint"]["auc"] > 0.7


def test_no_group_that_is_told_is_small() -> None:
    outcome = job((LAY, ("bin", Bin(), {"method": "quantile", "bins": 40})), min_group=25)
    for column in document(outcome["shop"], "bins/bin.bins.json")["columns"]:
        assert min(min(one["goods"], one["bads"]) for one in column["bins"]) >= 25
        assert "rare" not in {one["label"] for one in column["bins"]}


def test_the_plan_knows_nothing_of_the_data() -> None:
    other = {"shop": {"spent": np.full(ROWS, np.nan), "tariff": ["one"] * ROWS}}
    plans = [job((LAY, BIN), changes=changes)["lender"].plans["bin"] for changes in (None, other)]
    assert plans[0] == plans[1]


def test_the_label_holder_is_told_nothing_of_others_bins() -> None:
    outcome = job((LAY, BIN))["lender"]
    shown = [one for one in outcome.plans["bin"].disclosed if "lender" in one.to]
    assert shown == []
    assert b"spent" not in outcome.published["bins/bin.bins.json"]
    told = document(outcome, "iv/bin.iv.json")["columns"]
    assert all(set(row) == {"party", "column", "iv", "bins", "missing_rate"} for row in told)


@pytest.mark.parametrize("guests", [("regulator",), ("hub", "regulator")])
def test_receivers_without_data_get_information_values_alone(guests: tuple[str, ...]) -> None:
    receivers = {"bins": (*PARTIES, *guests), "iv": ("lender", *guests)}
    joint = job((LAY, BIN, WOE), 3, receivers=receivers, guests=guests)
    for guest in guests:
        assert set(joint[guest].published) == {"iv/bin.iv.json"}
        assert joint[guest].published == {"iv/bin.iv.json": joint["lender"].published["iv/bin.iv.json"]}
    assert "iv/bin.iv.json" not in joint["shop"].published


def test_few_missing_rows_are_not_told() -> None:
    spent = columns()[1]["shop"]["spent"]
    few = np.where(np.arange(ROWS) < 7, np.nan, np.nan_to_num(spent))
    told = document(job((LAY, BIN), changes={"shop": {"spent": few}})["lender"], "iv/bin.iv.json")
    assert {row["column"]: row["missing_rate"] for row in told["columns"]}["spent"] is None


def test_where_all_columns_are_each_owner_sees_its_own() -> None:
    """In engine tee nobody sends, and one process has the columns of all."""
    ids, own = columns()
    given = {party: dataset(ids, own[party], "bad") for party in PARTIES}
    told: dict[str, dict[str, bytes]] = {}
    planning = PlanContext(
        engine="tee",
        step="lay",
        parties=PARTIES,
        dealer=None,
        receivers={"bins": ("shop", "telecom"), "iv": ("lender", "regulator")},
        dataset_rows=dict.fromkeys(PARTIES, ROWS),
        columns={party: tuple(name for name in own[party] if name != "bad") for party in PARTIES},
        label_holder="lender",
        label="bad",
        frames={},
        models={},
        guests=("regulator",),
    )
    (mesh,) = local_meshes(["runner"]).values()
    frames: dict[str, Any] = {}
    models: dict[str, Any] = {}

    def publish(kind: str, file: str, content: bytes, to: tuple[str, ...]) -> None:
        for party in to:
            told.setdefault(party, {})[file] = content

    for step, component, _ in (LAY, BIN, WOE):
        planning.step = step
        before = replace(planning, frames=dict(planning.frames), models=dict(planning.models))
        params = component.Parameters()
        plan = component.plan(planning, params)
        assert not plan.sent
        context = RunContext(
            engine="tee",
            step=step,
            me="runner",
            parties=PARTIES,
            dealer=None,
            receivers=planning.receivers,
            mesh=mesh,
            plan=plan,
            planning=before,
            id_key=bytes(32),
            datasets=given,
            frames=frames,
            models=models,
            progress=lambda done, total, what, **_: None,
            publish=publish,
        )
        with mesh.step(step, {}):
            component.run(context, params)
    assert {party: set(files) for party, files in told.items()} == {
        "shop": {"bin.bins.json"},
        "telecom": {"bin.bins.json"},
        "lender": {"bin.iv.json"},
        "regulator": {"bin.iv.json"},
    }
    joint = job((LAY, BIN), 3)
    assert told["shop"]["bin.bins.json"] == joint["shop"].published["bins/bin.bins.json"]
    assert told["regulator"]["bin.iv.json"] == joint["lender"].published["iv/bin.iv.json"]
    assert frames["all"].values([("shop", "spent"), ("telecom", "calls")]).shape == (ROWS, 2)


# -- merging on shares ---------------------------------------------------------------------------------------


def _groups(slots: NDArray[np.uint8], count: int) -> Groups:
    rows = np.bincount(slots, minlength=count)
    return Groups(name="x", kind="number", slots=slots, rows=rows, missing=0, special=(), first=1)


@given(
    st.integers(2, 9),
    st.integers(1, 12),
    st.integers(0, 2**32 - 1),
    st.floats(0.1, 0.9),
    st.integers(1, 3),
)
@settings(max_examples=40, deadline=None)
def test_merging_on_shares_is_merging(slots: int, least: int, seed: int, rate: float, count: int) -> None:
    random = np.random.default_rng(seed)
    rows = int(random.integers(1, 80))
    labels = (random.random(rows) < rate).astype(np.int8)
    drawn = [random.integers(0, random.integers(1, slots + 1), rows).astype(np.uint8) for _ in range(count)]
    groups = [_groups(one, slots) for one in drawn]
    names = {"shop": tuple(f"c{number}" for number in range(count))}
    shape = FrameShape(rows, names, "lender", "bad")
    program = program_of(shape, names, slots, least)
    given = {**inputs(labels, {}), **inputs(None, {"shop": groups})}
    revealed = twin(program, ("lender", "shop"), given).revealed
    for one, found in zip(groups, merged_of("shop", groups, revealed), strict=True):
        expected = merge(one.rows, np.bincount(one.slots[labels == 1], minlength=slots), least)
        assert found.ends.tolist() == expected.ends.tolist()
        assert found.rows.tolist() == expected.rows.tolist()
        assert found.bads.tolist() == expected.bads.tolist()


# -- refusals ------------------------------------------------------------------------------------------------


def refusal(steps: Any, **more: Any) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        job(steps, **more)
    return caught.value


def test_labels_of_one_value_are_refused() -> None:
    assert refusal((LAY, BIN), changes={"lender": {"bad": [0] * ROWS}}).code == "CT-3016"


def test_labels_that_are_rare_are_refused() -> None:
    rare = [int(number < 19) for number in range(ROWS)]
    error = refusal((LAY, BIN), changes={"lender": {"bad": rare}})
    assert (error.code, error.party) == ("CT-3101", "lender")
    assert "19" not in str(error)


def test_labels_are_zeros_and_ones() -> None:
    assert refusal((LAY, BIN), changes={"lender": {"bad": list(range(ROWS))}}).code == "CT-1502"


def test_owners_have_to_be_shown_their_bins() -> None:
    error = refusal((LAY, BIN), receivers={"iv": PARTIES[:2]})
    assert error.code == "CT-3102"
    only = ("bin", Bin(), {"columns": ["lender.age"]})
    assert job((LAY, only), receivers={"iv": PARTIES[:2]})["lender"].plans["bin"].digest is None


@pytest.mark.parametrize("named", [{"columns": ["shop.bad"]}, {"special": {"shop.none": [1.0]}}])
def test_unknown_columns_are_refused(named: dict[str, Any]) -> None:
    assert refusal((LAY, ("bin", Bin(), named))).code == "CT-3100"


def test_unfit_columns_name_their_owner() -> None:
    error = refusal((LAY, ("bin", Bin(), {"special": {"shop.tariff": [1.0]}})))
    assert (error.code, error.party, error.step) == ("CT-3104", "shop", "bin")


def test_weights_need_bins() -> None:
    assert refusal((LAY, WOE)).code == "CT-3103"
    assert refusal((LAY, BIN, ("woe", Woe(), {"bins": "other"}))).code == "CT-3103"
    some = ("bin", Bin(), {"columns": ["shop.spent"]})
    assert refusal((LAY, some, WOE)).code == "CT-3103"
    kept = ("woe", Woe(), {"keep": ["shop.tariff", "lender.age"]})
    assert job((LAY, some, kept))["shop"].frames["all"].columns["shop"] == ("spent", "tariff")


def test_values_without_a_bin_are_neutral_or_refused() -> None:
    left = job((LAY, BIN, WOE))["lender"]
    state = left.contexts["woe"].models["woe"].states["lender"]
    assert Bins.model_validate_json(state.model_dump_json()) == state
    later = left.contexts["lay"].frames["all"].part("lender")
    later = later.with_columns({"age": np.where(np.arange(ROWS) < 3, np.nan, 0.0)})
    again = Woe().transform(later, WoeParams(), state).matrix(["age"])[:, 0]
    assert again[:3].tolist() == [0, 0, 0]
    assert 0 not in again[3:]
    with pytest.raises(CoterieError) as caught:
        Woe().transform(later, WoeParams(unseen="refuse"), state)
    assert caught.value.code == "CT-3106"


SOME = {"lender": ("age",), "shop": ("x", "y"), "telecom": ("calls",)}


def planned(
    rows: int,
    network: Network | None,
    correlations: Correlations,
    columns: Mapping[str, tuple[str, ...]] = SOME,
    **params: Any,
) -> StepPlan:
    context = PlanContext(
        engine="mpc",
        step="bin",
        parties=PARTIES,
        dealer="hub",
        receivers={"bins": PARTIES, "iv": PARTIES},
        dataset_rows={},
        columns=columns,
        label_holder="lender",
        label="bad",
        frames={"all": FrameShape(rows, columns, "lender", "bad")},
        models={},
        network=network,
        correlations=correlations,
    )
    return Bin().plan(context, BinParams(**params))


@given(
    st.integers(100, 1 << 20),
    st.floats(0.01, 1),
    st.sampled_from(NETWORKS),
    st.sampled_from(("stream", "tape")),
    st.integers(2, 20),
    st.integers(0, 40),
    st.integers(0, 40),
)
@settings(max_examples=25, deadline=None)
def test_fewer_rows_and_columns_need_no_more(
    most: int,
    share: float,
    network: Network | None,
    correlations: Correlations,
    prebins: int,
    width: int,
    fewer: int,
) -> None:
    given = {"prebins": prebins, "categories": 4}
    wide = SOME | {"shop": tuple(f"c{number}" for number in range(width))}
    narrow = wide | {"shop": wide["shop"][: min(width, fewer)]}
    need = planned(max(50, int(most * share)), network, correlations, narrow, **given)
    assert not beyond(need, planned(most, network, correlations, wide, **given))


def test_rows_beyond_the_number_format_are_refused() -> None:
    with pytest.raises(CoterieError) as caught:
        planned(2**29 + 1, None, "stream")
    assert caught.value.code == "CT-3107"
