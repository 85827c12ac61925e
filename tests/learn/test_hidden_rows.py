"""Shares of membership and columns, of rows that nobody knows: put together again, against Python sets."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from coterie.learn.align import hidden
from coterie.learn.align.hidden import CLIP, FRAC, Layout
from coterie.learn.component import Component, Engine, Params, PlanContext, RunContext, StepPlan

from .pipeline import dataset, people, run

ROWS = {"lender": range(40), "shop": range(25, 90)}


class Joining(Component[Params]):
    """A step that leaves what it has in the models."""

    name: ClassVar[str] = "joining"
    summary: ClassVar[str] = ""
    Parameters: ClassVar = Params
    engines: ClassVar[frozenset[Engine]] = frozenset({"mpc"})

    def plan(self, context: PlanContext, params: Params) -> StepPlan:
        layout = Layout.of(context, "lender")
        return StepPlan(context.step, self.name, {}, **hidden.messages(context, layout))

    def run(self, context: RunContext, params: Params) -> None:
        hashes, values = np.empty((0, 32), np.uint8), np.empty((0, 0), np.uint64)
        if context.computes:
            own = context.datasets[context.me]
            hashes = own.keyed_ids(context.id_key)
            names = context.planning.columns[context.me]
            columns = np.array([own.table[name].to_pylist() for name in names], float).T
            values = hidden.encoded(hidden.prepared(columns))
        found = hidden.joined(context, Layout.of(context.planning, "lender"), hashes, values)
        context.models[context.step] = found


def tables() -> dict[str, Any]:
    ids, random = people(100)
    given = {}
    for party, rows in ROWS.items():
        columns = {
            f"{party}_a": random.normal(5, 3, len(rows)),
            f"{party}_b": random.integers(0, 9, len(rows)),
        }
        if party == "lender":
            columns["bad"] = random.integers(0, 2, len(rows))
        given[party] = dataset([ids[row] for row in rows], columns, label="bad")
    return given


def test_shares_are_those_of_the_common_rows() -> None:
    data = tables()
    steps = (("joining", Joining(), {}),)
    outcomes = run(data, steps, label="bad", label_holder="lender", dealer="hub")
    one, other = (outcomes[party].last.models["joining"] for party in ROWS)
    assert outcomes["hub"].last.models["joining"] is None
    assert one.rows is not None
    assert other.rows is None
    member = one.member.words + other.member.words
    columns = (one.columns.words + other.columns.words).view(np.int64) / 2.0**FRAC
    place = {id: row for row, id in enumerate(data["shop"].ids.to_pylist())}
    table = data["shop"].table
    expected = hidden.prepared(np.array([table[name].to_pylist() for name in table.column_names], float).T)
    ids = data["lender"].ids.to_pylist()
    common = 0
    for bin, row in enumerate(one.rows):
        there = place.get(ids[row]) if row >= 0 else None
        assert member[bin] == (there is not None)
        wanted = np.zeros(2) if there is None else expected[there]
        assert columns[bin] == pytest.approx(wanted, abs=2.0**-FRAC)
        common += there is not None
    assert common == len(set(ROWS["lender"]) & set(ROWS["shop"])) == 15


def test_the_plan_reveals_nothing() -> None:
    steps = (("joining", Joining(), {}),)
    plan = run(tables(), steps, label="bad", label_holder="lender", dealer="hub")["hub"].plans["joining"]
    assert plan.disclosed == ()


def test_columns_are_prepared_alone() -> None:
    random = np.random.default_rng(4)
    values = random.normal(7, 3, (500, 3))
    values[3, 0], values[9, 1], values[:, 2] = np.nan, 1e9, 4.0
    made = hidden.prepared(values)
    assert made[3, 0] == 0
    assert made[9, 1] == CLIP
    assert not made[:, 2].any()
    assert np.abs(made).max() <= CLIP
    known = np.delete(values[:, 0], 3)
    assert np.delete(made[:, 0], 3) == pytest.approx((known - known.mean()) / known.std())
