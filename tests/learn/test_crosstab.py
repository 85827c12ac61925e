"""Columns against the label: against pandas and SciPy, on shares as in the clear."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import chi2, chi2_contingency
from scipy.stats.contingency import association

from coterie.learn.crosstab import Crosstab, CrosstabParams
from coterie.learn.crosstab.clear import associated, upper_tail
from coterie.learn.crosstab.record import Association, Cell
from coterie.learn.crosstab.record import Crosstab as Table

from .pipeline import Outcome
from .test_binning_mpc import LAY, PARTIES, columns, job, pooled, refusal

TELLING = {"bins": PARTIES, "correlations": PARTIES}


def documents(outcome: Outcome) -> tuple[dict[str, Any], dict[str, Any]]:
    tables = json.loads(outcome.published["bins/c.bins.json"])["tables"]
    told = json.loads(outcome.published["correlations/c.correlations.json"])["columns"]
    return {one["column"]: one for one in tables}, {one["column"]: one for one in told}


def test_tables_are_those_of_pandas_and_their_test_that_of_scipy() -> None:
    own = columns()[1]
    changed = {
        "tariff": np.where(np.array(own["shop"]["tariff"]) == "rare", "max", own["shop"]["tariff"]).tolist()
    }
    tables, told = documents(
        job(
            (LAY, ("c", Crosstab(), {"columns": ["shop.tariff"]})),
            receivers=TELLING,
            changes={"shop": changed},
        )["shop"]
    )
    expected = pd.crosstab(np.array(changed["tariff"]), np.array(own["lender"]["bad"]))
    cells = {cell["label"]: cell for cell in tables["tariff"]["cells"]}
    assert set(cells) == set(expected.index)
    for name, row in expected.iterrows():
        assert [cells[name]["goods"], cells[name]["bads"]] == row.tolist()
    outside = chi2_contingency(expected.to_numpy(), correction=False)
    found = told["tariff"]
    assert found["chi2"] == pytest.approx(outside.statistic, rel=5e-3)
    assert (found["freedom"], found["groups"]) == (outside.dof, 3)
    assert found["p_value"] == pytest.approx(chi2.sf(found["chi2"], outside.dof))
    assert found["cramers_v"] == pytest.approx(association(expected.to_numpy(), method="cramer"), rel=5e-3)
    position = list(expected.index).index("plus")
    assert cells["plus"]["expected_bads"] == pytest.approx(outside.expected_freq[position, 1])


def test_what_others_are_told_does_not_tell_the_counts() -> None:
    """Who knows how many rows and bads there are tries all tables of two groups."""

    def of(rows: int, bads: int) -> Association:
        cells = [(rows, bads), (1000 - rows, 300 - bads)]
        return associated(
            Table(
                party="shop",
                column="x",
                cells=tuple(
                    Cell(label="", rows=n, goods=n - b, bads=b, rate=b / n, expected_bads=0.3 * n)
                    for n, b in cells
                ),
            )
        )

    told = of(137, 61)
    fitting = sum(of(rows, bads) == told for rows in range(100, 200) for bads in range(20, 90))
    assert fitting >= 5  # and more beyond that range


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize("cut", ["quantile", "width"])
def test_joint_tables_are_the_pooled_ones(parties: int, cut: str) -> None:
    step = ("c", Crosstab(), {"cut": cut, "groups": 6})
    joint = job((LAY, step), parties, receivers=TELLING)
    given = {"bins": ("lender",), "correlations": ("lender",)}
    tables, told = documents(pooled((LAY, step), parties, receivers=given))
    for party in PARTIES[:parties]:
        own, everybody = documents(joint[party])
        assert set(own) == set(columns()[1][party]) - {"bad"}
        assert {name: one["cells"] for name, one in own.items()} == {
            name: tables[name]["cells"] for name in own
        }
        assert {name: one["p_value"] for name, one in everybody.items()} == {
            name: one["p_value"] for name, one in told.items()
        }


def test_no_cell_is_small() -> None:
    tables, _ = documents(
        job((LAY, ("c", Crosstab(), {"groups": 30})), receivers=TELLING, min_group=30)["shop"]
    )
    for one in tables.values():
        assert min(min(cell["goods"], cell["bads"]) for cell in one["cells"]) >= 30


def test_receivers_without_data_get_measures_alone() -> None:
    receivers = {"bins": PARTIES, "correlations": ("regulator",)}
    joint = job((LAY, ("c", Crosstab(), {})), receivers=receivers, guests=("regulator",))
    assert set(joint["regulator"].published) == {"correlations/c.correlations.json"}
    assert set(joint["shop"].published) == {"bins/c.bins.json"}


def test_a_constant_column_is_independent() -> None:
    changes = {"shop": {"tariff": ["one"] * 600}}
    _, told = documents(job((LAY, ("c", Crosstab(), {})), receivers=TELLING, changes=changes)["lender"])
    found = told["tariff"]
    assert (found["chi2"], found["p_value"], found["cramers_v"], found["freedom"]) == (0, 1, 0, 0)


@given(st.floats(0, 2000), st.integers(0, 70))
def test_the_tail_is_that_of_scipy(statistic: float, freedom: int) -> None:
    expected = chi2.sf(statistic, freedom) if freedom else 1.0
    assert upper_tail(statistic, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_refusals() -> None:
    step = ("c", Crosstab(), {})
    assert refusal((LAY, step), receivers={"correlations": PARTIES}).code == "CT-3102"
    named = ("c", Crosstab(), {"columns": ["shop.none"]})
    assert refusal((LAY, named), receivers=TELLING).code == "CT-3100"
    for params in ({"groups": 1}, {"columns": ["a.b", "a.b"]}, {"cut": "optimal"}):
        with pytest.raises(ValidationError):
            CrosstabParams.model_validate(params)
