"""Bins and weights of evidence over sums of three parties' rows, beside those of the pooled table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from coterie.errors import CoterieError
from coterie.learn.binning import Bin, BinParams, Bins, ColumnBins, Woe, final
from coterie.learn.binning.clear import counted
from coterie.learn.binning.groups import grouped
from coterie.learn.component import EACH
from coterie.learn.pooled import need_equal
from coterie.learn.stack import Stack
from tests.learn.horizontal import run
from tests.learn.horizontal_data import HOMO, NAMES, datasets, homo, homo_datasets, together

LEAST = 20


def table(rows: int = 6000) -> dict[str, Any]:
    random = np.random.default_rng(11)
    income, grade = random.lognormal(10, 1, rows), random.integers(0, 6, rows)
    town = random.choice(["Genf", "Basel", "Chur", "Uri"], rows, p=[0.5, 0.3, 0.198, 0.002]).astype(object)
    debt = np.where(random.random(rows) < 0.1, -1.0, random.gamma(2, 3, rows))
    debt[random.random(rows) < 0.15] = np.nan
    odds = 0.4 * grade - 0.8 * (np.log(income) - 10) + 0.7 * (town == "Chur") + 0.5 * np.isnan(debt) - 1.5
    bad = (odds + random.logistic(size=rows) > 0).astype(np.int64)
    return {"income": income, "grade": grade, "town": town, "debt": debt, "bad": bad}


def bins_of(outcome: Any) -> Bins:
    found: Bins = outcome.contexts["bin"].models["bin"].states[EACH]
    return found


def pooled(given: dict[str, Any], label: str, least: int, **more: Any) -> dict[str, ColumnBins]:
    """Of all rows in one place, as engine clear has them."""
    params = BinParams.model_validate(more)
    result = {}
    for name, values in given.items():
        if name != label:
            special = params.special.get(f"each.{name}", ())
            column = pa.chunked_array([pa.array(values, from_pandas=True)])
            groups = grouped(name, column, params, tuple(special), least)
            merged = counted(groups, given[label].astype(np.int8), least)
            result[name] = final(groups, merged, params)
    return result


@pytest.mark.parametrize("method", ["quantile", "width", "chimerge", "optimal"])
def test_bins_are_near_those_of_the_pooled_rows(method: str) -> None:
    given = table()
    more: dict[str, Any] = {"method": method, "special": {"each.debt": [-1]}}
    steps = [("stack", Stack(), {}), ("bin", Bin(), more)]
    found = run(datasets(given, "bad"), steps, label="bad", min_group=LEAST)
    theirs, ours = pooled(given, "bad", LEAST, **more), bins_of(found["east"])
    for name in NAMES:
        assert bins_of(found[name]) == ours
    for one in theirs.values():
        mine = ours.of(one.name)
        assert mine is not None
        assert mine.rows > 0.98 * one.rows
        if method != "width" or one.name != "income":  # whose range is that of groups, without the last rows
            assert mine.iv == pytest.approx(one.iv, rel=0.08, abs=0.004)
        assert all(min(each.goods, each.bads) >= LEAST for each in mine.bins)
    for discrete in ("grade", "town"):
        one, mine = theirs[discrete], ours.of(discrete)
        assert mine is not None
        if discrete == "grade" and method != "width":
            assert [each.goods for each in mine.bins] == [each.goods for each in one.bins]
            assert mine.edges == one.edges
    debt = ours.of("debt")
    assert debt is not None
    assert debt.missing_rows == theirs["debt"].missing_rows
    (special,) = debt.special
    assert debt.bins[special[1]].rows == (given["debt"] == -1).sum()


def test_default_credit_has_the_information_values_of_the_pooled_rows() -> None:
    parts = [homo(part) for part in HOMO]
    names = [name for name in parts[0][0] if name != "y"]
    chosen, others = ([f"each.{name}" for name in some] for some in (names[:8], names[8:]))
    steps = [("stack", Stack(), {}), ("bin", Bin(), {"columns": chosen}), ("woe", Woe(), {"keep": others})]
    found = run(homo_datasets(), steps, label="y")
    whole = np.vstack([values for _, values in parts])
    columns = {name: whole[:, j] for j, name in enumerate(parts[0][0]) if name not in names[8:]}
    columns["y"] = columns["y"].astype(np.int64)
    theirs, ours = pooled(columns, "y", LEAST), bins_of(found["east"])
    assert len(ours.columns) == 8
    for one in theirs.values():
        mine = ours.of(one.name)
        assert mine is not None
        assert mine.iv == pytest.approx(one.iv, abs=0.01)
    first = ours.columns[0]
    values = found["north"].frames["all"].matrix([first.name])
    assert set(np.unique(values)) <= set(first.woes.tolist())


def test_a_party_with_few_bad_rows_keeps_silent_of_them() -> None:
    given = table(3000)
    given["bad"][:500] = 0
    given["bad"][:7] = 1
    steps = [("stack", Stack(), {}), ("bin", Bin(), {"columns": ["each.grade"]})]
    found = run(datasets(given, "bad"), steps, label="bad", min_group=LEAST)
    assert bins_of(found["west"]).columns[0].rows == 2500
    given["bad"][:] = np.arange(3000) % 100 == 0
    with pytest.raises(CoterieError) as caught:
        run(datasets(given, "bad"), steps, label="bad", min_group=LEAST)
    assert caught.value.code == "CT-3101"


@pytest.mark.parametrize(
    ("code", "given_"), [("CT-3104", {"each.town": [3]}), ("CT-3104", {"each.debt": ["none"]})]
)
def test_special_values_are_of_their_columns_type(code: str, given_: dict[str, Any]) -> None:
    steps = [("stack", Stack(), {}), ("bin", Bin(), {"special": given_})]
    with pytest.raises(CoterieError) as caught:
        run(datasets(table(900), "bad"), steps, label="bad")
    assert caught.value.code == code


def test_parties_that_choose_differently_are_told() -> None:
    together(lambda _, adding: need_equal(adding, b"these", 3))
    with pytest.raises(CoterieError) as caught:
        together(lambda name, adding: need_equal(adding, b"others" if name == "west" else b"these", 3))
    assert caught.value.code == "CT-3237"
