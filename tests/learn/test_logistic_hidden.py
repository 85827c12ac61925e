"""Training on rows of which nobody knows which are common, against scikit-learn on those that are."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.component import FrameShape, HiddenShape, PlanContext
from coterie.learn.logistic import Logistic, LogisticParams
from coterie.learn.logistic.hidden import Rows, training
from coterie.learn.secure import traced

from .pipeline import Outcome, dataset, run

HIDDEN = ("align", Align(), {"membership": "hidden"})
TO = {"coefficients": ("lender", "shop", "regulator")}
L2 = 0.05


def tables() -> dict[str, pd.DataFrame]:
    """Columns of both parties that go together, and labels by both; common rows are not as all others are."""
    random = np.random.default_rng(3)
    values = random.normal(size=(900, 4)) * [900, 2, 5, 1] + [3000, 0, 9, 0]
    values[:, 2] += values[:, 0] / 300
    values[300:, 1] += 1
    odds = (values[:, 0] - 3000) / 900 - 0.7 * values[:, 1] + 0.2 * (values[:, 2] - 19) - 1
    bad = (random.random(900) < 1 / (1 + np.exp(-odds))).astype(int)
    ids = [f"p{row}" for row in range(900)]
    lender = pd.DataFrame({"income": values[:, 0], "age": values[:, 1], "bad": bad}, index=ids)[:500]
    shop = pd.DataFrame({"flow": values[:, 2], "noise": values[:, 3]}, index=ids)[150:]
    shop.loc[shop.index[::20], "flow"] = np.nan
    return {"lender": lender, "shop": shop}


def job(frames: dict[str, pd.DataFrame], given: Any, **more: Any) -> dict[str, Outcome]:
    data = {
        party: dataset(frame.index.tolist(), {name: frame[name].to_numpy() for name in frame}, label="bad")
        for party, frame in frames.items()
    }
    settings = {"receivers": TO, "guests": ("regulator",), "dealer": "hub", **more}
    steps = (HIDDEN, ("logistic", Logistic(), given))
    return run(data, steps, label="bad", label_holder="lender", **settings)


def told(outcome: Outcome) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(outcome.published["coefficients/logistic.coefficients.json"])
    return result


def reference(frames: dict[str, pd.DataFrame], *, intercept: bool) -> tuple[list[float], float]:
    common = frames["lender"].index.intersection(frames["shop"].index)
    parts = []
    for frame in frames.values():
        numbers = frame.drop(columns="bad", errors="ignore")
        scaled = (numbers - numbers.mean()) / numbers.std(ddof=0)
        parts.append(scaled.fillna(0).clip(-4, 4).loc[common])
    fitted = LogisticRegression(C=1 / (L2 * len(common)), fit_intercept=intercept, tol=1e-9, max_iter=1000)
    fitted.fit(pd.concat(parts, axis=1), frames["lender"].loc[common, "bad"])
    return fitted.coef_[0].tolist(), float(np.ravel(fitted.intercept_)[0])


def test_the_minimum_is_that_of_the_common_rows() -> None:
    frames = tables()
    outcomes = job(frames, {"passes": 30, "l2": L2})
    given = told(outcomes["regulator"])
    weights, intercept = reference(frames, intercept=True)
    assert [(one["party"], one["column"]) for one in given["coefficients"]] == [
        ("lender", "income"),
        ("lender", "age"),
        ("shop", "flow"),
        ("shop", "noise"),
    ]
    assert [one["coefficient"] for one in given["coefficients"]] == pytest.approx(weights, abs=1e-3)
    assert given["intercept"] == pytest.approx(intercept, abs=1e-3)
    assert max(abs(weight) for weight in weights) > 0.5
    # Units are their owner's.
    assert all(one["unit_mean"] is None for one in given["coefficients"])
    for party, frame in frames.items():
        for one in told(outcomes[party])["coefficients"]:
            if one["party"] == party:
                assert one["unit_mean"] == pytest.approx(frame[one["column"]].mean())
                assert one["unit_std"] == pytest.approx(frame[one["column"]].std(ddof=0))
            else:
                assert one["unit_mean"] is one["unit_std"] is None


def test_without_an_intercept_and_with_columns_at_one_party_alone() -> None:
    frames = tables()
    frames["lender"] = frames["lender"][["bad"]]
    given = told(job(frames, {"passes": 20, "l2": L2, "intercept": False})["shop"])
    weights, _ = reference(frames, intercept=False)
    assert [one["coefficient"] for one in given["coefficients"]] == pytest.approx(weights, abs=1e-3)
    assert given["intercept"] is None


def test_the_plan_reveals_the_coefficients_and_one_bit() -> None:
    plan = job(tables(), {"passes": 1})["hub"].plans["logistic"]
    assert [(one.what, one.to, one.values) for one in plan.reveals] == [
        (
            "whether every logit and coefficient stayed in its range, in all passes together: one bit",
            ("lender", "shop"),
            1,
        ),
        ("coefficient of each feature, and the intercept", TO["coefficients"], 5),
    ]
    assert plan.disclosed[-1].name == "coefficients"
    assert plan.disclosed[-1].to == TO["coefficients"]
    assert plan.results == {"coefficients": TO["coefficients"]}


def test_a_row_outside_the_range_ends_the_job() -> None:
    frames = tables()
    near = np.arange(500) >= 10
    side = np.where(np.arange(500) % 2, 1.0, -1.0)
    frames["lender"]["income"] = np.where(near, side, 30 * side)  # of which none is common
    frames["lender"]["bad"] = (side > 0).astype(int)
    data = {"lender": frames["lender"][["income", "bad"]], "shop": frames["shop"][[]]}
    with pytest.raises(CoterieError) as caught:
        job(data, {"passes": 12, "l2": 0})
    assert caught.value.code == "CT-2108"


def test_what_it_cannot_do_is_refused_while_planning() -> None:
    with pytest.raises(CoterieError) as caught:
        job(tables(), {"optimizer": "gradient_descent"})
    assert caught.value.code == "CT-3218"


def test_where_nobody_may_know_the_coefficients_they_stay_shares() -> None:
    outcomes = job(tables(), {"passes": 1}, receivers={"model": ("lender",)})
    assert [one.what for one in outcomes["hub"].plans["logistic"].reveals][1:] == []
    assert all(one.name != "coefficients" for one in outcomes["hub"].plans["logistic"].disclosed)
    assert not any(one.published for one in outcomes.values())
    first, second = (outcomes[party].last.models["logistic"].words for party in ("lender", "shop"))
    assert ((first + second).view(np.int64) != 0).sum() == 5
    assert not (first == second).any()


@pytest.mark.parametrize(("labels", "code"), [(None, "CT-1501"), (2, "CT-1502"), (0, "CT-3016")])
def test_labels_are_checked(labels: Any, code: str) -> None:
    frames = tables()
    bad = frames["lender"]["bad"].astype(float)
    frames["lender"]["bad"] = 0.0 if labels == 0 else bad.where(bad.index != "p7", labels)
    with pytest.raises(CoterieError) as caught:
        job(frames, {"passes": 1})
    assert caught.value.code == code


@pytest.mark.parametrize(("least", "most"), [(2, 60_000), (20, 10**6), (10**6, 10**6)])
def test_rows_of_many_sizes_fit_the_ring(least: int, most: int) -> None:
    shape = FrameShape(1, {}, "lender", "bad", hidden=HiddenShape("lender", "shop", least, most))
    context = PlanContext(
        engine="mpc",
        step="logistic",
        parties=("lender", "shop"),
        dealer="hub",
        receivers={},
        dataset_rows={},
        columns={},
        label_holder="lender",
        label="bad",
        frames={"all": shape},
        models={},
    )
    for columns in (1, 40):
        rows = Rows("lender", "shop", 2 * most, columns, columns, least, most, LogisticParams(passes=5))
        tape = traced(training(rows, ("shop",)), context, to=("shop",))
        one = Rows("lender", "shop", 2 * most, columns, columns, least, most, LogisticParams(passes=6))
        more = traced(training(one, ("shop",)), context, to=("shop",))
        # Shared columns and membership are opened once, whatever the number of passes.
        assert more.sent["shop"]["lender"] - tape.sent["shop"]["lender"] < 40 * 2 * most
        assert rows.label_frac >= 14
        assert rows.sum_frac(rows.gradient_bound, 20) + np.log2(least) >= 11
