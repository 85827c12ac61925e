"""Means and deviations on rows that nobody knows, against pandas on the rows that are common."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.component import FrameShape, HiddenShape, PlanContext
from coterie.learn.describe import Describe
from coterie.learn.logistic import Logistic, LogisticParams
from coterie.learn.report import Report
from coterie.learn.secure import traced
from coterie.learn.summary import Summary, SummaryParams, mpc
from coterie.learn.summary.mpc import Task, summing

from .pipeline import Outcome, dataset, run

HIDDEN = ("align", Align(), {"membership": "hidden"})
SUMMARY = ("summary", Summary(), {})
TO = {"profile": ("lender", "shop", "regulator")}
UNIT = 2.0**-9


def tables(own: range = range(400), theirs: range = range(150, 800)) -> dict[str, pd.DataFrame]:
    random = np.random.default_rng(5)
    lender = pd.DataFrame(
        {
            "income": random.normal(3000, 900, len(own)) + np.arange(len(own)),
            "age": random.integers(18, 80, len(own)),
            "bad": random.integers(0, 2, len(own)),
        },
        index=[f"p{row}" for row in own],
    )
    flow = random.exponential(5, len(theirs)) - np.arange(len(theirs)) / 100
    shop = pd.DataFrame(
        {
            "flow": np.where(random.random(len(theirs)) < 0.1, np.nan, flow),
            "late": random.random(len(theirs)) < 0.3,
            "same": np.full(len(theirs), 7),
        },
        index=[f"p{row}" for row in theirs],
    )
    return {"lender": lender, "shop": shop}


def job(frames: dict[str, pd.DataFrame], steps: Any = (HIDDEN, SUMMARY), **more: Any) -> dict[str, Outcome]:
    data = {
        party: dataset(frame.index.tolist(), {name: frame[name].to_numpy() for name in frame}, label="bad")
        for party, frame in frames.items()
    }
    given = {"receivers": TO, "guests": ("regulator",), "dealer": "hub", **more}
    return run(data, steps, label="bad", label_holder="lender", **given)


def told(outcome: Outcome) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(outcome.published["profile/summary.profile.json"])
    return result


def prepared(frame: pd.DataFrame) -> pd.DataFrame:
    """What an owner makes of its whole dataset."""
    numbers = frame.drop(columns="bad", errors="ignore").astype(float)
    deviation = numbers.std(ddof=0).replace(0, 1)
    return ((numbers - numbers.mean()) / deviation).fillna(0).clip(-4, 4)


def test_the_figures_are_those_of_pandas() -> None:
    frames = tables()
    outcomes = job(frames)
    common = frames["lender"].index.intersection(frames["shop"].index)
    given = told(outcomes["regulator"])
    assert (given["rows"], given["least"], len(given["columns"])) == (None, 20, 5)
    expected = {
        (party, name): (column.loc[common].mean(), column.loc[common].std(ddof=0))
        for party, frame in frames.items()
        for name, column in prepared(frame).items()
    }
    assert [(one["party"], one["column"]) for one in given["columns"]] == list(expected)
    for one in given["columns"]:
        mean, std = expected[one["party"], one["column"]]
        assert one["mean"] == pytest.approx(mean, abs=UNIT)
        assert one["std"] == pytest.approx(std, abs=2 * UNIT)
        assert one["unit_mean"] is one["unit_std"] is None
    assert max(abs(mean) for mean, _ in expected.values()) > 0.2  # the common rows are not as all rows are


def test_the_owner_has_its_own_units() -> None:
    frames = tables()
    outcomes = job(frames)
    common = frames["lender"].index.intersection(frames["shop"].index)
    for party, name in (("lender", "income"), ("lender", "age"), ("shop", "late")):
        column = frames[party][name].astype(float)
        for reader in ("lender", "shop"):
            (one,) = (line for line in told(outcomes[reader])["columns"] if line["column"] == name)
            if reader != party:
                assert one["unit_mean"] is None
                continue
            assert one["unit_mean"] == pytest.approx(column.mean())
            here = one["unit_mean"] + one["unit_std"] * one["mean"]
            assert here == pytest.approx(column.loc[common].mean(), abs=UNIT * column.std())


def test_the_plan_says_what_becomes_known() -> None:
    plan = job(tables())["hub"].plans["summary"]
    assert [(one.what, one.to, one.values, one.kind) for one in plan.reveals] == [
        (
            "mean and deviation of each column on all common rows, in units of its owner's whole dataset",
            TO["profile"],
            10,
            "profile",
        )
    ]
    shown = [(one.name, one.to) for one in plan.disclosed]
    assert shown == [(mpc.MEANS, TO["profile"]), (mpc.SQUARES, TO["profile"])]


def test_the_number_of_rows_is_told_where_it_is_asked_for() -> None:
    outcomes = job(tables(), (HIDDEN, ("summary", Summary(), {"count": True})))
    assert told(outcomes["shop"])["rows"] == 250
    plan = outcomes["hub"].plans["summary"]
    assert [one.what for one in plan.reveals][1:] == ["number of common rows"]
    assert mpc.COUNT in [one.name for one in plan.disclosed]


@pytest.mark.parametrize("without", ["lender", "shop"])
def test_one_party_has_no_columns(without: str) -> None:
    frames = tables()
    frames[without] = frames[without][["bad"]] if without == "lender" else frames[without][[]]
    given = told(job(frames)["regulator"])
    assert {one["party"] for one in given["columns"]} == set(frames) - {without}


def test_where_rows_are_known_or_may_not_be_told_it_is_refused() -> None:
    known = ("align", Align(), {})
    for steps, more, code in (
        ((known, SUMMARY), {}, "CT-3216"),
        ((HIDDEN, SUMMARY), {"receivers": {}}, "CT-3136"),
        ((HIDDEN, ("describe", Describe(), {})), {}, "CT-3212"),
    ):
        with pytest.raises(CoterieError) as caught:
            job(tables(), steps, **more)
        assert caught.value.code == code
    frames = tables()
    with pytest.raises(CoterieError) as caught:
        job({"lender": frames["lender"][["bad"]], "shop": frames["shop"][[]]})
    assert caught.value.code == "CT-3217"


def test_a_column_of_texts_is_refused() -> None:
    frames = tables()
    frames["lender"]["town"] = "x"
    with pytest.raises(CoterieError) as caught:
        job(frames)
    assert caught.value.code == "CT-3215"


def test_a_million_rows_fit_the_ring() -> None:
    task = Task("lender", "shop", 1_300_672, 2, 2, 20, 10**6, ("shop",), count=False)
    assert traced(summing(task), planned(20, 10**6), to=("shop",)).rounds
    assert SummaryParams().count is False


@pytest.mark.parametrize(
    ("component", "params"), [(Summary(), SummaryParams()), (Logistic(), LogisticParams())]
)
def test_a_number_of_rows_that_is_known_too_little_is_refused(component: Any, params: Any) -> None:
    with pytest.raises(CoterieError) as caught:
        component.plan(planned(20, 20 * 2**16 + 1), params)
    assert caught.value.code == "CT-3219"


def planned(least: int, most: int) -> PlanContext:
    hidden = HiddenShape("lender", "shop", least, most)
    shape = FrameShape(1000, {"lender": ("a",), "shop": ("b",)}, "lender", "bad", hidden=hidden)
    return PlanContext(
        engine="mpc",
        step="step",
        parties=("lender", "shop"),
        dealer="hub",
        receivers={"profile": ("shop",), "coefficients": ("shop",)},
        dataset_rows={},
        columns={},
        label_holder="lender",
        label="bad",
        frames={"all": shape},
        models={},
    )


def test_the_report_has_it() -> None:
    to = {"profile": ("lender",), "report": ("lender",)}
    steps = (HIDDEN, SUMMARY, ("report", Report(), {}))
    page = job(tables(), steps, receivers=to, guests=())["lender"].published["report/report.html"].decode()
    assert "flow" in page
    assert "1,192" not in page  # the number of bins is that of no rows
