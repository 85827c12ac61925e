"""How many rows two tables have in common: against Python sets, with noise and without."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from coterie.errors import BadInput, CoterieError, NotAgreed
from coterie.learn import membership
from coterie.learn.align import Align
from coterie.learn.overlap import Overlap, OverlapParams, clear, mpc
from coterie.psi import cost_hidden, string_bits

from .in_tee import run_in_tee
from .pipeline import Outcome, dataset, run

TO = {"profile": ("lender", "regulator")}
COUNT = ("overlap", Overlap(), {})


def table(rows: Iterable[int], label: str | None = None) -> Any:
    ids = [f"p{number}" for number in rows]
    columns = {"bad": np.arange(len(ids)) % 2} if label else {"flow": np.arange(float(len(ids)))}
    return dataset(ids, columns, label=label)


def pair(own: Iterable[int], theirs: Iterable[int]) -> dict[str, Any]:
    return {"lender": table(own, "bad"), "shop": table(theirs)}


def job(data: Mapping[str, Any], steps: Any = (COUNT,), **more: Any) -> dict[str, Outcome]:
    given = {"receivers": TO, "guests": ("regulator",), "dealer": "hub", **more}
    return run(data, steps, label="bad", label_holder="lender", **given)


def told(outcome: Outcome) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(outcome.published["profile/overlap.profile.json"])
    return result


@pytest.mark.parametrize(
    ("own", "theirs"),
    [
        (range(60), range(30, 130)),
        (range(90), range(85, 100)),
        (range(20), range(20)),
        (range(20), range(20, 45)),
        ([7], [7]),
    ],
    ids=["some", "few there", "all", "none", "one row each"],
)
def test_the_number_is_that_of_python_sets(own: Any, theirs: Any) -> None:
    outcomes = job(pair(own, theirs))
    common = len(set(own) & set(theirs))
    assert told(outcomes["lender"]) == told(outcomes["regulator"])
    assert told(outcomes["lender"]) == {
        "version": 1,
        "step": "overlap",
        "datasets": [{"party": "lender", "rows": len(own)}, {"party": "shop", "rows": len(theirs)}],
        "common": common,
        "epsilon": None,
        "deviation": None,
    }
    assert outcomes["shop"].published == outcomes["hub"].published == {}


def test_what_goes_over_the_wire_depends_on_the_numbers_of_rows_alone() -> None:
    plans = [job(pair(range(40), range(start, start + 70)))["hub"].plans["overlap"] for start in (0, 20, 40)]
    # That bytes and rounds are the planned ones, each run has checked.
    assert plans[0] == plans[1] == plans[2]
    cost = cost_hidden(40, 70)
    assert plans[0].sent["lender"]["shop"] > cost.receiver_to_sender
    assert [(one.what, one.to, one.values, one.kind) for one in plans[0].reveals] == [
        ("number of common rows", ("lender", "regulator"), 1, "profile")
    ]
    assert [(one.name, one.to) for one in plans[0].disclosed] == [(mpc.COUNT, ("lender", "regulator"))]


def test_the_frames_stay_as_they_are() -> None:
    outcomes = job(pair(range(30), range(10, 50)), (("align", Align(), {}), COUNT))
    assert outcomes["lender"].frames["all"].rows == told(outcomes["lender"])["common"] == 20


def test_long_strings_are_compared_in_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    assert string_bits(cost_hidden(2**20, 1).bins) > membership.WHOLE  # as the strings of a million rows are
    whole = job(pair(range(60), range(30, 130)))["hub"].plans["overlap"]
    monkeypatch.setattr(membership, "WHOLE", 10)
    outcomes = job(pair(range(60), range(30, 130)))
    assert told(outcomes["lender"])["common"] == 30
    assert outcomes["hub"].plans["overlap"].digest != whole.digest


def test_noise_has_the_law_that_is_told() -> None:
    epsilon = 0.8
    samples = np.array([clear.noise(epsilon) for _ in range(4000)])
    assert abs(samples.mean()) < 5 * clear.deviation(epsilon, 1) / math.sqrt(len(samples))
    assert samples.std() == pytest.approx(clear.deviation(epsilon, 1), rel=0.08)
    # P(x) is proportional to exp(-epsilon |x|): each further one is that much rarer.
    counts = [int((np.abs(samples) == size).sum()) for size in range(4)]
    expected = np.array([1.0, *(2 * math.exp(-epsilon * size) for size in range(1, 4))])
    expected *= math.tanh(epsilon / 2) * len(samples)
    assert np.allclose(counts, expected, atol=5 * np.sqrt(expected).max())


def test_noise_of_both_parties_is_inside() -> None:
    found = [
        told(job(pair(range(5), range(5)), (("overlap", Overlap(), {"epsilon": 0.5}),))["lender"])
        for _ in range(12)
    ]
    assert len({one["common"] for one in found}) > 3
    deviation = 2 * math.sqrt(math.exp(-0.5)) / (1 - math.exp(-0.5))
    assert found[0]["deviation"] == pytest.approx(deviation)
    assert abs(np.mean([one["common"] for one in found]) - 5) < 5 * deviation / math.sqrt(12)


def test_the_plan_says_which_noise() -> None:
    steps = (("overlap", Overlap(), {"epsilon": 0.25}),)
    plan = job(pair(range(5), range(5)), steps)["shop"].plans["overlap"]
    assert plan.reveals[0].what == (
        "number of common rows, with noise for differential privacy: epsilon 0.25"
    )
    assert "epsilon 0.25 for sensitivity 1" in plan.disclosed[0].note
    assert "of each party" in plan.disclosed[0].note


def test_in_one_place_the_number_is_the_same() -> None:
    data = pair(range(60), range(30, 130)) | {"grid": table(range(40, 300))}
    _, given = run_in_tee(data, (COUNT,), TO)
    for party in ("lender", "regulator"):
        found = json.loads(given["profile"][party]["overlap.profile.json"])
        assert found["common"] == 20
    _, given = run_in_tee(data, (("overlap", Overlap(), {"epsilon": 1.0}),), TO)
    noisy = json.loads(given["profile"]["lender"]["overlap.profile.json"])
    assert noisy["deviation"] == pytest.approx(clear.deviation(1.0, 1))
    assert abs(noisy["common"] - 20) < 60
    alone = run(
        {"lender": table(range(9), "bad")},
        (COUNT,),
        label="bad",
        label_holder="lender",
        engine="clear",
        receivers={"profile": ("lender",)},
    )
    assert told(alone["lender"])["common"] == 9


@pytest.mark.parametrize("rows", [(range(60), range(30, 130)), (range(90), range(85, 100))])
@pytest.mark.parametrize("party", ["lender", "shop"])
def test_one_party_alone_is_told_its_rows(rows: tuple[range, range], party: str) -> None:
    data = pair(*rows)
    common = [f"p{number}" for number in sorted(set(rows[0]) & set(rows[1]))]
    steps = (("overlap", Overlap(), {"tell": "rows", "to": party}),)
    grants = {"common_ids": ("lender", "shop"), "profile": ("lender",)}
    outcomes = job(data, steps, receivers=grants, guests=())
    for name, outcome in outcomes.items():
        assert set(outcome.published) == ({"common_ids/common_ids.csv"} if name == party else set())
    listed = outcomes[party].published["common_ids/common_ids.csv"].decode().split()
    assert [line.strip('"') for line in listed] == ["id", *common]
    plan = outcomes["hub"].plans["overlap"]
    assert [(one.what, one.to, one.kind) for one in plan.reveals] == [
        ("which of its own rows are common", (party,), "common_ids")
    ]
    assert plan.statement is not None
    assert plan.statement.leaks.startswith(f"{party} learns which of its own rows")
    _, given = run_in_tee(data, steps, grants)
    assert list(given["common_ids"]) == [party]
    assert given["common_ids"][party]["common_ids.csv"].decode().split() == listed


def test_who_is_told_rows_has_data_and_a_grant() -> None:
    steps = (("overlap", Overlap(), {"tell": "rows", "to": "shop"}),)
    for grants in ({"common_ids": ("lender",)}, {"profile": ("shop",)}):
        assert refusal(pair(range(9), range(9)), steps, receivers=grants, guests=()).code == "CT-3136"
    steps = (("overlap", Overlap(), {"tell": "rows", "to": "regulator"}),)
    grants = {"common_ids": ("regulator",)}
    assert refusal(pair(range(9), range(9)), steps, receivers=grants).code == "CT-3136"


@pytest.mark.parametrize(
    "params",
    [{"tell": "rows"}, {"to": "shop"}, {"tell": "rows", "to": "shop", "epsilon": 1.0}, {"tell": "all"}],
)
def test_parameters_fit_each_other(params: Any) -> None:
    with pytest.raises(ValidationError):
        OverlapParams(**params)


def refusal(*args: Any, **more: Any) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        job(*args, **more)
    return caught.value


def test_it_is_for_two_parties_once_and_for_somebody() -> None:
    three = pair(range(9), range(9)) | {"grid": table(range(9))}
    found = refusal(three)
    assert (found.code, found.step) == ("CT-3210", "overlap")
    assert isinstance(found, BadInput)
    again = ("again", Overlap(), {"epsilon": 1.0})
    found = refusal(pair(range(9), range(9)), (("overlap", Overlap(), {"epsilon": 1.0}), again))
    assert (found.code, found.step) == ("CT-3211", "again")
    assert isinstance(found, NotAgreed)
    assert refusal(pair(range(9), range(9)), receivers={}, guests=()).code == "CT-3136"


def test_ids_with_several_rows_are_refused() -> None:
    planning = job(pair(range(9), range(9)))["lender"].contexts["overlap"].planning
    with pytest.raises(CoterieError, match="CT-3012"):
        Overlap().plan(replace(planning, repeated_ids=("shop",)), OverlapParams())


@pytest.mark.parametrize("epsilon", [0, -1, 1e-6, 1000, math.inf, math.nan, "1 of 2"])
def test_epsilons_that_are_none_are_refused(epsilon: Any) -> None:
    with pytest.raises(ValidationError):
        OverlapParams(epsilon=epsilon)
