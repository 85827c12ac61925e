"""Figures of columns over sums of three parties' rows, beside those of the pooled table."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas
import pytest

from coterie.errors import CoterieError
from coterie.fl import LocalSums
from coterie.learn.correlate import Correlate, Vif
from coterie.learn.crosstab import Crosstab
from coterie.learn.describe import Describe
from coterie.learn.stack import Stack
from coterie.learn.standardize import Standardize
from tests.learn.horizontal import run
from tests.learn.horizontal_data import NAMES, datasets, whole
from tests.learn.test_fl_binning import table

TABLE = table(1500)
TABLE["grade"] = TABLE["grade"] + np.round(np.log(TABLE["income"]))
NUMBERS = ["each.income", "each.grade", "each.debt"]
STACK: tuple[Any, ...] = ("stack", Stack(), {})


def told(outcome: Any, kind: str, step: str) -> Any:
    return json.loads(outcome.published[f"{kind}/{step}.{kind}.json"])


def everywhere(steps: Any, kind: str, given: Any = TABLE, **more: Any) -> Any:
    """What the last step tells; all parties are told the same."""
    found = run(datasets(given, "bad"), [STACK, *steps], label="bad", **more)
    first, *others = (told(found[name], kind, steps[-1][0]) for name in NAMES)
    assert all(one == first for one in others)
    return first


def pooled(steps: Any, kind: str, given: Any = TABLE, **more: Any) -> Any:
    """What engine clear tells of all rows."""
    found = run(whole(given, "bad"), [STACK, *steps], label="bad", engine="clear", **more)
    return told(found["all"], kind, steps[-1][0])


@pytest.mark.parametrize("scale", [1.0, 1e15])
def test_correlations_are_those_of_the_pooled_rows(scale: float) -> None:
    given = {**TABLE, "income": TABLE["income"] * scale}
    steps = [("correlate", Correlate(), {"columns": NUMBERS, "missing": "mean"})]
    ours = everywhere(steps, "correlations", given, coordinator="north")
    assert ours["columns"] == NUMBERS
    frame = pandas.DataFrame(
        {name.removeprefix("each."): TABLE[name.removeprefix("each.")] for name in NUMBERS}
    )
    wanted = frame.fillna(frame.mean()).corr().to_numpy()
    assert np.array(ours["matrix"]) == pytest.approx(wanted, abs=1e-13)


def test_factors_and_ranks() -> None:
    columns = {"columns": NUMBERS[:2]}
    steps = [("vif", Vif(), columns)]
    assert everywhere(steps, "correlations")["vif"] == pytest.approx(
        pooled(steps, "correlations")["vif"], rel=1e-12
    )
    ranked: Any = [
        ("scale", Standardize(), {"method": "quantile", "keep": ["each.town", "each.debt"]}),
        ("correlate", Correlate(), columns),
    ]
    given = {name: values for name, values in TABLE.items() if name not in ("town", "debt")}
    ranked[0][2].pop("keep")
    wanted = pandas.DataFrame(given)[["income", "grade"]].corr("spearman").to_numpy()
    assert np.array(everywhere(ranked, "correlations", given)["matrix"]) == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize(
    ("code", "more", "params"),
    [
        ("CT-3138", {"flag": (np.arange(1500) > 1494).astype(float)}, {}),
        ("CT-3025", {"flag": np.full(1500, 0.1)}, {}),
        ("CT-3027", {}, {"columns": NUMBERS}),
        ("CT-3236", {}, {"method": "spearman"}),
    ],
)
def test_what_has_no_correlation(code: str, more: Any, params: Any) -> None:
    params = {"columns": ["each.income", *(f"each.{name}" for name in more), "each.grade"], **params}
    with pytest.raises(CoterieError) as caught:
        everywhere([("correlate", Correlate(), params)], "correlations", {**TABLE, **more})
    assert caught.value.code == code


def test_figures_are_those_of_the_pooled_rows() -> None:
    """With groups of one row; values of sums are rounded to 25 bits."""
    found = everywhere([("figures", Describe(), {"bins": 8})], "profile", min_group=1)
    for one in found["columns"]:
        values = pandas.Series(TABLE[one["column"]])
        assert (one["party"], one["rows"], one["missing"]) == ("each", 1500, int(values.isna().sum()))
        if one["type"] == "text":
            counts = values.value_counts()
            assert {line["name"]: line["rows"] for line in one["categories"]} == counts.to_dict()
            assert one["other"] == 0
            continue
        wanted = {
            "mean": values.mean(),
            "std": values.std(),
            "skewness": values.skew(),
            "kurtosis": values.kurt(),
        }
        assert {name: one[name] for name in wanted} == pytest.approx(wanted, rel=1e-6)
        there = np.sort(values.dropna())
        for line in one["quantiles"]:
            low = there[int(line["share"] * (len(there) - 1) + 1e-9)]
            assert line["value"] == pytest.approx(low, rel=5e-4)
        edges = np.array(one["histogram"]["edges"])
        assert edges[[0, -1]] == pytest.approx(there[[0, -1]], rel=5e-4)
        inner = np.searchsorted(there, edges[1:-1])
        assert one["histogram"]["counts"] == np.diff([0, *inner, len(there)]).tolist()


def test_figures_tell_of_no_few_rows() -> None:
    """Five rows far out, four without a value, three of a rare town: all of one party."""
    odd = np.arange(1500)
    given = {
        "income": np.where(odd < 5, 1e12, TABLE["income"]),
        "grade": np.where(odd < 4, np.nan, TABLE["grade"]),
        "town": np.where(odd < 3, "Oz", "Genf").astype(object),
        "flag": (odd < 15).astype(bool),
        "bad": TABLE["bad"],
    }
    income, grade, town, flag = everywhere([("figures", Describe(), {})], "profile", given)["columns"]
    assert income["mean"] < 1e6
    assert income["histogram"]["edges"][-1] < 1e6
    assert all(count >= 20 for count in income["histogram"]["counts"])
    assert (income["missing"], grade["missing"], town["missing"]) == (0, None, 0)
    assert town["categories"] == [{"name": "Genf", "rows": 1250}]
    assert town["other"] == 250
    assert (flag["mean"], flag["std"]) == (0.0, 0.0)


def test_tables_against_the_label_are_those_of_the_pooled_rows() -> None:
    given = {**table(3000), "town": np.where(np.arange(3000) % 3, "Genf", "Chur").astype(object)}
    steps = [("cross", Crosstab(), {"columns": ["each.grade", "each.town"]})]
    tables = everywhere(steps, "bins", given, min_group=5)
    assert tables["tables"][1]["cells"][1]["label"] == "Chur, (other)"  # which may have few rows of a party
    tables["tables"][1]["cells"][1]["label"] = "Chur"
    assert tables == pooled(steps, "bins", given, min_group=5)
    assert everywhere(steps, "correlations", given, min_group=5) == pooled(
        steps, "correlations", given, min_group=5
    )


def test_a_party_that_is_lost_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the third sum on without the last party: correlations are those of the others' rows."""
    whole_total, taken = LocalSums.total, dict.fromkeys(NAMES, 0)

    def total(self: LocalSums, what: str, values: Any, *more: Any, **named: Any) -> Any:
        taken[self.me] += 1
        lost = self.me == "west" and taken[self.me] > 2
        return whole_total(self, what, values * 0 if lost else values, *more, **named)

    monkeypatch.setattr(LocalSums, "total", total)
    found = everywhere([("correlate", Correlate(), {"columns": NUMBERS[:2]})], "correlations")
    assert taken["west"] == 3
    frame = pandas.DataFrame({name: TABLE[name][:750] for name in ("income", "grade")})
    assert np.array(found["matrix"]) == pytest.approx(frame.corr().to_numpy(), abs=1e-12)
