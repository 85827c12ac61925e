"""Rows of which nobody knows whether they are common, as `align` makes them, and who may go on with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from coterie.errors import BadInput, CoterieError, NotAgreed
from coterie.learn import COMPONENTS
from coterie.learn.align import Align, AlignParams, hidden
from coterie.learn.align.hidden import FRAC
from coterie.learn.component import FrameShape, HiddenShape, Params, PlanContext
from coterie.learn.describe import Describe
from coterie.psi import cost_hidden

from .in_tee import run_in_tee
from .pipeline import Outcome, dataset, run

HIDDEN = ("align", Align(), {"membership": "hidden"})
OWN, THEIRS = range(60), range(20, 110)
TAKE_IT = {"align", "evaluate", "logistic", "overlap", "report", "split", "summary"}


def tables(own: Any = OWN, theirs: Any = THEIRS, **more: Any) -> dict[str, Any]:
    random = np.random.default_rng(1)
    income = random.normal(30, 9, len(own))
    given = {"income": income, "bad": random.integers(0, 2, len(own))}
    columns = {"flow": random.normal(5, 2, len(theirs)), "late": random.random(len(theirs)) < 0.3, **more}
    return {
        "lender": dataset([f"p{row}" for row in own], given, label="bad"),
        "shop": dataset([f"p{row}" for row in theirs], columns),
    }


def job(data: Any, steps: Any = (HIDDEN,), **more: Any) -> dict[str, Outcome]:
    given = {"dealer": "hub", **more}
    return run(data, steps, label="bad", label_holder="lender", **given)


def test_the_frame_has_the_holders_rows_and_shares() -> None:
    data = tables()
    outcomes = job(data, min_group=5)
    one, other = (outcomes[party].frames["all"] for party in data)
    assert one.rows == other.rows == cost_hidden(60, 90).bins
    assert (one.keys == other.keys).all()
    assert other.parts == other.places == {}
    places = one.places["lender"]
    assert sorted(places[places >= 0]) == list(OWN)
    there = set(THEIRS)
    expected = [place >= 0 and OWN[place] in there for place in places]
    assert (one.hidden.member + other.hidden.member == expected).all()
    incomes = dict(enumerate(data["lender"].table["income"].to_pylist()))
    assert one.column("lender", "income").to_pylist() == [incomes.get(int(place)) for place in places]
    values = np.array([data["shop"].table[name].to_pylist() for name in ("flow", "late")], float).T
    prepared = hidden.prepared(values)
    words = (one.hidden.columns + other.hidden.columns).view(np.int64) / 2.0**FRAC
    for place, found, row in zip(places, expected, words, strict=True):
        wanted = prepared[THEIRS.index(OWN[place])] if found else np.zeros(2)
        assert row == pytest.approx(wanted, abs=2.0**-FRAC)


def test_nobody_is_told_more_than_one_bit() -> None:
    plans = [
        job(tables(theirs=range(start, start + 90)), min_group=5)["hub"].plans["align"] for start in (0, 20)
    ]
    # That bytes and rounds are the planned ones, each run has checked.
    assert plans[0] == plans[1]
    assert [(one.what, one.to, one.values) for one in plans[0].reveals] == [
        ("whether at least 5 rows are common: one bit", ("lender", "shop", "hub"), 1)
    ]
    assert [(one.name, one.to) for one in plans[0].disclosed] == [(hidden.ENOUGH, ("lender", "shop"))]
    assert plans[0].results == {}


@pytest.mark.parametrize(("common", "enough"), [(20, True), (19, False)])
def test_the_least_number_of_common_rows_is_one_bit(common: int, enough: bool) -> None:
    data = tables(theirs=range(60 - common, 90))
    if enough:
        assert "all" in job(data, min_group=5, min_rows=20)["shop"].frames
        return
    with pytest.raises(NotAgreed, match="fewer than 20") as caught:
        job(data, min_group=5, min_rows=20)
    assert caught.value.code == "CT-3213"


def test_the_bit_is_of_the_largest_of_what_later_results_need() -> None:
    with pytest.raises(CoterieError, match="fewer than 41"):
        job(tables(), min_rows=3, min_group=41)
    with pytest.raises(CoterieError, match="fewer than 2"):
        job(tables(theirs=range(59, 100)), min_group=1)


@pytest.mark.parametrize(
    ("more", "changes", "code"),
    [
        ({"receivers": {"common_ids": ("lender",)}}, {}, "CT-3214"),
        ({}, {"town": ["x"] * 90}, "CT-3215"),
    ],
)
def test_what_cannot_be_hidden_is_refused(more: Any, changes: Any, code: str) -> None:
    with pytest.raises((BadInput, NotAgreed)) as caught:
        job(tables(**changes), **more)
    assert caught.value.code == code


def test_repeated_ids_and_a_third_party_are_refused() -> None:
    context = planned(frame=False)
    context.repeated_ids = ("shop",)
    assert refused(context) == "CT-3012"
    context = planned(frame=False)
    context.parties = ("lender", "shop", "bank")
    assert refused(context) == "CT-3210"


@pytest.mark.parametrize(
    "given", [{"join": "left"}, {"method": "oprf"}, {"security": "malicious"}, {"most_rows": 9}]
)
def test_the_other_parameters_do_not_go_with_it(given: Any) -> None:
    with pytest.raises(ValidationError, match="does not go with"):
        AlignParams.model_validate({"membership": "hidden", **given})


def test_in_one_place_the_frame_has_the_common_rows() -> None:
    steps = (HIDDEN, ("describe", Describe(), {}))
    last, _ = run_in_tee(tables(), steps, {"profile": ("lender",)})
    assert last.frames["all"].rows == 40
    assert last.frames["all"].hidden is None


def test_every_component_refuses_hidden_rows_unless_it_says_so() -> None:
    registered = {one.name: one for one in COMPONENTS}
    assert {name for name, one in registered.items() if one.takes_hidden} == TAKE_IT
    for name, one in registered.items():
        if one.takes_hidden:
            continue
        # Before it looks at anything else: parameters are not even given.
        with pytest.raises(BadInput) as caught:
            one.plan(planned(), Params())
        assert caught.value.code == "CT-3212", name
        context = planned()
        context.frames["all"] = FrameShape(9, {}, "lender", "bad")
        with pytest.raises(Exception) as other:  # noqa: PT011 - whatever else it lacks
            one.plan(context, Params())
        assert getattr(other.value, "code", "") != "CT-3212"


def planned(*, frame: bool = True) -> PlanContext:
    rows = HiddenShape("lender", "shop", 20, 60)
    shape = FrameShape(9, {"lender": ("a",), "shop": ("b",)}, "lender", "bad", hidden=rows)
    return PlanContext(
        engine="mpc",
        step="step",
        parties=("lender", "shop"),
        dealer="hub",
        receivers={},
        dataset_rows={"lender": 60, "shop": 90},
        columns={"lender": ("a",), "shop": ("b",)},
        label_holder="lender",
        label="bad",
        frames={"all": shape} if frame else {},
        models={},
    )


def refused(context: PlanContext) -> str:
    with pytest.raises(CoterieError) as caught:
        Align().plan(context, AlignParams(membership="hidden"))
    return caught.value.code
