"""Correlations against pandas, variance inflation factors against statsmodels; on shares as in the clear."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.outliers_influence import variance_inflation_factor

from coterie.errors import CoterieError
from coterie.learn.component import FrameShape
from coterie.learn.correlate import Correlate, CorrelateParams, Vif, VifParams
from coterie.learn.correlate.mpc import FACTORS, inflation, vif_inputs
from coterie.learn.correlate.own import apart, own_block
from coterie.learn.linear import turned
from coterie.mpc import Correlations as Dealing
from coterie.mpc import Network, twin

from .in_tee import in_tee
from .learners import DATA, credit
from .pipeline import Outcome, dataset, people, run
from .test_logistic import Frames
from .test_plan_bounds import NETWORKS, around, beyond

PARTIES = ("lender", "payments", "telecom")
Tables = dict[str, dict[str, Any]]


def tables(rows: int = 400, seed: int = 4) -> Tables:
    """Columns that go together across parties, on all scales, one with rows far out."""
    random = np.random.default_rng(seed)
    common = random.normal(size=(3, rows))
    return {
        "lender": {
            "age": random.integers(18, 80, rows),
            "income": np.exp(3 + common[0]),
            "bad": random.integers(0, 2, rows),
        },
        "payments": {
            "flow": 1e6 * (common[0] + 0.3 * common[1]),
            "late": random.poisson(np.exp(common[1])),
            "far": np.where(np.arange(rows) == 7, 1e7, random.normal(size=rows)),
        },
        "telecom": {
            "calls": -0.1 * common[2] + 1e-3 * common[1],
            "owns": common[2] > 0.2,
        },
    }


def joined(given: Tables, parties: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            f"{party}.{name}": np.asarray(values, float)
            for party in parties
            for name, values in given[party].items()
            if name != "bad"
        }
    )


def looked(
    component: Any,
    given: Tables,
    parties: tuple[str, ...],
    params: Mapping[str, Any] | None = None,
    to: tuple[str, ...] = ("lender",),
    **more: Any,
) -> dict[str, Outcome]:
    """At these parties by a dealer; in the clear where all is the first one's."""
    count = len(next(iter(given[parties[0]].values())))
    ids = people(count)[0]
    return run(
        {name: dataset(ids, given[name], label="bad" if name == "lender" else None) for name in parties},
        (("align", Frames(), {}), ("look", component, params or {})),
        label="bad",
        label_holder="lender",
        **{
            "engine": "clear" if len(parties) == 1 else "mpc",
            "dealer": None if len(parties) == 1 else "hub",
            "receivers": {"correlations": to},
            **more,
        },
    )


def told(outcome: Outcome) -> dict[str, Any]:
    found = json.loads(outcome.published["correlations/look.correlations.json"])
    assert isinstance(found, dict)
    return found


def pooled(given: Tables, parties: tuple[str, ...]) -> Tables:
    columns = {
        f"{party}_{name}": values
        for party in parties
        for name, values in given[party].items()
        if name != "bad"
    }
    return {"lender": {**columns, "bad": given["lender"]["bad"]}}


@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize("count", [2, 3])
def test_correlations_are_those_of_pandas(count: int, method: Any) -> None:
    """Planned bytes and rounds are the measured ones; the pipeline sees to that."""
    given, parties = tables(), PARTIES[:count]
    outcomes = looked(Correlate(), given, parties, {"method": method}, to=("payments", "lender"))
    want = joined(given, parties).corr(method=method)
    for reader in ("lender", "payments"):
        found = told(outcomes[reader])
        assert found["columns"] == list(want.columns)
        assert np.array(found["matrix"]) == pytest.approx(want.to_numpy(), abs=2**-15)
        assert np.diag(found["matrix"]).tolist() == [1.0] * len(want)
        assert np.array(found["matrix"]).tolist() == np.array(found["matrix"]).T.tolist()
    assert not outcomes["hub"].published
    if count == 3:
        assert not outcomes["telecom"].published
    alone = told(looked(Correlate(), pooled(given, parties), ("lender",), {"method": method})["lender"])
    assert np.array(alone["matrix"]) == pytest.approx(want.to_numpy(), abs=1e-12)
    (reveal,) = outcomes["hub"].plans["look"].reveals
    assert (reveal.values, reveal.to) == (len(want) * (len(want) - 1) // 2, ("lender", "payments"))
    assert sum(one.values for one in outcomes["hub"].plans["look"].disclosed) == reveal.values


def test_spearman_is_also_scipys() -> None:
    given = tables()
    found = told(looked(Correlate(), given, ("lender", "payments"), {"method": "spearman"})["lender"])
    want = scipy.stats.spearmanr(joined(given, ("lender", "payments"))).statistic
    assert np.array(found["matrix"]) == pytest.approx(want, abs=2**-15)


@pytest.mark.skipif(not DATA.exists(), reason="no data sets beside the project")
def test_all_rows_of_real_data_with_values_far_out_and_missing_ones() -> None:
    _, columns = credit()
    label = columns["bad"]
    names = [name for name in columns if name != "bad"]
    given: Tables = {
        "lender": {name: columns[name] for name in names[:4]} | {"bad": label},
        "payments": {name: columns[name] for name in names[4:]},
    }
    table = joined(given, ("lender", "payments"))
    found = told(looked(Correlate(), given, ("lender", "payments"), {"missing": "mean"})["lender"])
    want = table.fillna(table.mean()).corr().to_numpy()
    assert np.array(found["matrix"]) == pytest.approx(want, abs=2**-15)


def statsmodels_factors(table: pd.DataFrame) -> list[float]:
    whole = np.column_stack([((table - table.mean()) / table.std()).to_numpy(), np.ones(len(table))])
    return [float(variance_inflation_factor(whole, j)) for j in range(table.shape[1])]


@pytest.mark.parametrize("count", [2, 3])
def test_factors_are_those_of_statsmodels(count: int) -> None:
    given, parties = tables(), PARTIES[:count]
    given["lender"]["again"] = given["lender"]["income"] + 9 * np.random.default_rng(1).normal(size=400)
    outcomes = looked(Vif(), given, parties)
    want = statsmodels_factors(joined(given, parties))
    assert max(want) > 5
    assert told(outcomes["lender"])["vif"] == pytest.approx(want, rel=1e-4)
    alone = told(looked(Vif(), pooled(given, parties), ("lender",))["lender"])["vif"]
    assert alone == pytest.approx(want, rel=1e-9)
    (shown,) = outcomes["hub"].plans["look"].disclosed
    assert shown.values == len(want)


def factors(parts: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """By the fixed-point twin, of columns by party."""
    widths = {party: part.shape[1] for party, part in parts.items()}
    rows = len(next(iter(parts.values())))
    given = {}
    for party, part in parts.items():
        units = part - part.mean(axis=0)
        units = units / np.linalg.norm(units, axis=0)
        found = apart(own_block(units))
        given |= vif_inputs(party, turned(units, found.turn), found)
    program = inflation(rows, widths, ("lender",))
    return twin(program, tuple(parts), given).revealed[FACTORS]


@pytest.mark.parametrize("noise", [0.3, 0.05, 0.035])
def test_factors_of_nearly_collinear_columns(noise: float) -> None:
    random = np.random.default_rng(2)
    a, b = random.normal(size=(600, 4)), random.normal(size=(600, 4))
    b[:, 1] = a[:, 2] + noise * b[:, 1]  # across parties
    a[:, 0] = a[:, 3] + noise * a[:, 0]  # at one
    c = (a[:, :1] + b[:, :1]) / 2 + noise * random.normal(size=(600, 1))
    table = pd.DataFrame(np.hstack([a, b, c]))
    want = statsmodels_factors(table)
    assert factors({"lender": a, "payments": b, "telecom": c}) == pytest.approx(want, rel=2e-3)


def test_columns_made_of_others_have_none() -> None:
    given = tables()
    given["payments"]["twice"] = 2 * given["payments"]["flow"] + 1
    given["payments"]["copy"] = np.asarray(given["lender"]["age"], float)
    parties = ("lender", "payments")
    for found in (
        told(looked(Vif(), given, parties)["lender"]),
        told(looked(Vif(), pooled(given, parties), ("lender",))["lender"]),
    ):
        lines = dict(zip(found["columns"], found["vif"], strict=True))
        gone = {
            place.replace("lender.payments_", "payments.").replace("lender_", "")
            for place in lines
            if lines[place] is None
        }
        assert gone == {"lender.age", "payments.flow", "payments.twice", "payments.copy"}
        assert all(1 <= value < 20 for value in lines.values() if value is not None)


def test_the_columns_of_one_party_alone() -> None:
    given, names = tables(), ("payments.flow", "payments.late")
    outcomes = looked(Correlate(), given, ("lender", "payments"), {"columns": names})
    want = np.corrcoef(given["payments"]["flow"], given["payments"]["late"])
    assert np.array(told(outcomes["lender"])["matrix"]) == pytest.approx(want, abs=2**-15)
    outcomes = looked(Vif(), given, ("lender", "payments"), {"columns": names})
    assert told(outcomes["lender"])["vif"] == pytest.approx([1 / (1 - want[0, 1] ** 2)] * 2, rel=1e-4)


@pytest.mark.parametrize("component", [Correlate(), Vif()])
def test_receivers_without_data_and_engine_tee(component: Any) -> None:
    given, guests = tables(), ("hub", "regulator")
    outcomes = looked(component, given, PARTIES, to=guests, guests=guests)
    assert told(outcomes["hub"]) == told(outcomes["regulator"])
    assert not any(outcomes[party].published for party in PARTIES)
    ids = people(400)[0]
    data = {name: dataset(ids, given[name], label="bad" if name == "lender" else None) for name in PARTIES}
    files, _ = in_tee(data, (("look", component, {}),), {"correlations": ("telecom", "regulator")})
    assert set(files) == {"telecom", "regulator"}
    inside, shared = json.loads(files["telecom"]["look.correlations.json"]), told(outcomes["hub"])
    values = "matrix" if isinstance(component, Correlate) else "vif"
    assert np.array(inside[values]) == pytest.approx(np.array(shared[values]), rel=1e-3, abs=2**-15)


def refusal(
    component: Any,
    change: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    **more: Any,
) -> CoterieError:
    given = tables()
    given["payments"] |= change or {}
    with pytest.raises(CoterieError) as caught:
        looked(component, given, ("lender", "payments"), params, **more)
    return caught.value


@pytest.mark.parametrize("component", [Correlate(), Vif()])
def test_refusals(component: Any) -> None:
    rows = np.arange(400)
    missing = np.where(rows == 3, np.nan, rows * 1.0)
    for column, code in (
        (missing, "CT-3027"),
        (np.full(400, np.nan), "CT-3027"),
        (np.where(rows == 3, np.inf, rows * 1.0), "CT-3028"),
        (np.full(400, 7), "CT-3025"),
        (np.where(rows < 19, 1, 0), "CT-3138"),
        ([f"{row}" for row in rows], "CT-1433"),
    ):
        assert refusal(component, {"flow": column}).code == code
    assert refusal(component, {"flow": np.full(400, np.nan)}, {"missing": "mean"}).code == "CT-3020"
    assert refusal(component, to=()).code == "CT-3136"
    assert refusal(component, params={"columns": ("payments.age",)}).code == "CT-3135"
    assert refusal(component, params={"columns": ("lender.age",)}).code == "CT-3137"
    assert refusal(component, params={"frame": "test"}).code == "CT-3001"
    error = refusal(component, {"flow": missing})
    assert (error.party, error.step) == ("payments", "look")
    given = {name: {c: v[:5] for c, v in columns.items()} for name, columns in tables().items()}
    if isinstance(component, Vif):
        with pytest.raises(CoterieError) as caught:
            looked(component, given, ("lender", "payments"))
        assert caught.value.code == "CT-3139"


@given(
    most=st.integers(200, 1 << 20),
    share=st.floats(0.01, 1),
    network=st.sampled_from(NETWORKS),
    correlations=st.sampled_from(("stream", "tape")),
    count=st.sampled_from((2, 3)),
    kept=st.sets(st.sampled_from(("age", "income", "flow", "calls")), min_size=2),
    vif=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_fewer_rows_or_columns_need_no_more(
    most: int,
    share: float,
    network: Network | None,
    correlations: Dealing,
    count: int,
    kept: set[str],
    vif: bool,
) -> None:
    bound, need = (around(rows, network, correlations, count) for rows in (most, max(100, int(most * share))))
    for context in (bound, need):
        context.receivers = {"correlations": context.parties}
    whole = need.frames["train"]
    columns = {p: tuple(c for c in names if c in kept) for p, names in whole.columns.items()}
    if sum(map(len, columns.values())) < 2:
        columns = dict(whole.columns)
    need.frames["train"] = FrameShape(whole.rows, columns, whole.label_holder, whole.label)
    if vif:
        assert not beyond(Vif().plan(need, VifParams()), Vif().plan(bound, VifParams()))
    else:
        params = CorrelateParams()
        assert not beyond(Correlate().plan(need, params), Correlate().plan(bound, params))
