"""The choice of features: against statsmodels, with every criterion, on shares as in the clear."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import ValidationError

from coterie.errors import CoterieError
from coterie.learn.binning import Bin, BinsFacts, Woe
from coterie.learn.component import FrameShape
from coterie.learn.correlate import Correlate
from coterie.learn.describe import Describe
from coterie.learn.glm import Glm, Information
from coterie.learn.select import Select, Selection, SelectParams
from coterie.learn.select.clear import Evidence, choose
from coterie.learn.select.record import Feature, selection_size
from coterie.learn.select.stepwise import p_value, walk
from coterie.learn.standardize import Standardize
from coterie.mpc import Correlations as Dealing
from coterie.mpc import Network

from .in_tee import in_tee
from .pipeline import Outcome, dataset, people, run
from .test_logistic import Frames
from .test_plan_bounds import NETWORKS, around, beyond

PARTIES = ("lender", "payments", "telecom")
GRANTS = ("iv", "profile", "correlations", "statistics", "coefficients", "selection")
Tables = dict[str, dict[str, Any]]


def tables(rows: int = 2000, seed: int = 8) -> Tables:
    """Clear effects, none at all, twins across parties, columns with much missing. Inflation stays below 6: a
    correlation is told to 2^-16, which is 2e-4 of a factor from there on.
    """
    random = np.random.default_rng(seed)
    x = random.normal(size=(9, rows))
    logits = -1.2 + 1.0 * x[0] - 0.7 * x[1] + 0.6 * x[2] + 0.5 * x[3]
    bad = (random.random(rows) < 1 / (1 + np.exp(-logits))).astype(int)
    return {
        "lender": {"a": x[0], "nothing": x[4], "a2": x[0] + 0.3 * x[5], "bad": bad},
        "payments": {
            "b": 10 * x[1],
            "twin": x[0] + 0.1 * x[6],
            "noise": x[7],
            "holes": np.where(random.random(rows) < 0.6, np.nan, x[2]),
        },
        "telecom": {"c": x[2], "d": x[3], "sum": x[1] - x[2] + 0.3 * x[8]},
    }


BINNED = (("bin", Bin(), {}), ("woe", Woe(), {}))
SCALED = (("standardize", Standardize(), {}),)


def selected(
    given: Tables,
    parties: tuple[str, ...],
    params: Mapping[str, Any],
    before: tuple[Any, ...] = BINNED,
    after: tuple[Any, ...] = (),
    **more: Any,
) -> dict[str, Outcome]:
    count = len(given[parties[0]]["bad"])
    ids, alone = people(count)[0], len(parties) == 1
    receivers: dict[str, tuple[str, ...]] = dict.fromkeys(GRANTS, ("lender",)) | {"bins": parties}
    return run(
        {name: dataset(ids, given[name], label="bad" if name == "lender" else None) for name in parties},
        (("align", Frames(), {}), *before, ("select", Select(), params), *after),
        label="bad",
        label_holder="lender",
        **{
            "engine": "clear" if alone else "mpc",
            "dealer": None if alone else "hub",
            "receivers": receivers,
            **more,
        },
    )


def pooled(given: Tables, parties: tuple[str, ...]) -> Tables:
    columns = {name: values for party in parties for name, values in given[party].items() if name != "bad"}
    return {"lender": {**columns, "bad": given["lender"]["bad"]}}


def features(outcome: Outcome) -> dict[str, Feature]:
    found = Selection.model_validate_json(outcome.published["selection/select.selection.json"])
    return {one.column: one for one in found.features}


def without(given: Tables, *names: str) -> Tables:
    return {
        party: {name: values for name, values in columns.items() if name not in names}
        for party, columns in given.items()
    }


# The choice itself


def correlated(*pairs: tuple[int, int, float], size: int = 4) -> Any:
    matrix = np.eye(size)
    for i, j, value in pairs:
        matrix[i, j] = matrix[j, i] = value
    return matrix


PLACES = ("lender.a", "lender.b", "payments.c", "payments.d")
IV = dict(zip(PLACES, (0.3, 0.01, 0.9, 0.2), strict=True))


def chosen(evidence: Mapping[str, Any], **params: Any) -> dict[str, Feature]:
    found = choose(SelectParams(**params), Evidence(PLACES, **evidence))
    return {f"{one.party}.{one.column}": one for one in found.features}


def reasons(found: dict[str, Feature]) -> dict[str, str]:
    return {place: one.reason for place, one in found.items() if not one.kept}


def test_each_criterion_says_why() -> None:
    found = chosen({"iv": IV}, min_iv=0.02, max_iv=0.5)
    assert reasons(found) == {"lender.b": "low_iv", "payments.c": "high_iv"}
    assert (found["lender.b"].value, found["lender.b"].threshold) == (0.01, 0.02)
    assert found["lender.a"].reason == "chosen"
    found = chosen({"iv": IV}, min_iv=0.02, keep=("lender.b",), drop=("lender.a",))
    assert reasons(found) == {"lender.a": "drop"}
    assert found["lender.b"].reason == "keep"
    rates = dict.fromkeys(PLACES, 0.1) | {"payments.d": 0.9}
    assert reasons(chosen({"missing": rates}, max_missing=0.5)) == {"payments.d": "missing"}
    assert reasons(chosen({"iv": IV}, most=2)) == {"lender.b": "most", "payments.d": "most"}
    assert reasons(chosen({"iv": IV}, most=1, keep=("lender.b",))) == dict.fromkeys(
        ("lender.a", "payments.c", "payments.d"), "most"
    )


def test_of_two_that_go_together_the_one_of_lower_value_goes() -> None:
    matrix = correlated((0, 2, -0.9), (0, 1, 0.8), (2, 3, 0.4))
    found = chosen({"iv": IV, "correlations": matrix}, max_correlation=0.7)
    assert reasons(found) == {"lender.a": "correlated"}  # and with it what lender.b went together with
    assert (found["lender.a"].value, found["lender.a"].other) == (-0.9, "payments.c")
    found = chosen({"correlations": matrix}, max_correlation=0.7)  # without any, the later one
    assert reasons(found) == {"lender.b": "correlated", "payments.c": "correlated"}
    found = chosen({"iv": IV, "correlations": matrix}, max_correlation=0.7, keep=("lender.a",))
    assert reasons(found) == {"lender.b": "correlated", "payments.c": "correlated"}


def test_the_most_inflated_goes_one_at_a_time() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(500, 4))
    x[:, 3] = x[:, 0] + x[:, 1] + 0.3 * x[:, 3]
    found = chosen({"correlations": np.corrcoef(x.T)}, max_vif=5)
    assert reasons(found) == {"payments.d": "inflated"}
    assert found["payments.d"].value == pytest.approx(1 / (1 - _r2(x, 3)), rel=1e-6)
    x[:, 3] = x[:, 0]
    found = chosen({"iv": IV, "correlations": np.corrcoef(x.T)}, max_vif=5)
    assert reasons(found) == {"payments.d": "inflated"}
    assert found["payments.d"].value is None
    found = chosen({"iv": IV, "correlations": np.corrcoef(x.T)}, max_vif=5, keep=("payments.d",))
    assert reasons(found) == {"lender.a": "inflated"}


def _r2(x: Any, column: int) -> float:
    others = np.delete(x, column, axis=1)
    return float(sm.OLS(x[:, column], sm.add_constant(others)).fit().rsquared)


def full_fit(x: Any, y: Any) -> Information:
    """By statsmodels, the constant last."""
    whole = np.column_stack([x, np.ones(len(x))])
    found = sm.Logit(y, whole).fit(disp=0)
    matrix = np.linalg.inv(found.cov_params())
    return Information(matrix, matrix @ found.params)


def exact_steps(x: Any, y: Any, p_enter: float, p_remove: float) -> set[int]:
    """Stepwise with a fit by statsmodels at each step: likelihood ratios in, Wald's tests out."""
    inside: list[int] = []

    def fit(columns: list[int]) -> Any:
        return sm.Logit(y, np.column_stack([*(x[:, j] for j in columns), np.ones(len(x))])).fit(disp=0)

    while True:
        outside = [j for j in range(x.shape[1]) if j not in inside]
        now = fit(inside).llf
        gains = {j: 2 * (fit([*inside, j]).llf - now) for j in outside}
        best = max(outside, key=lambda j: gains[j], default=None)
        if best is None or p_value(gains[best]) >= p_enter:
            return set(inside)
        inside.append(best)
        while True:
            p = fit(inside).pvalues[:-1]
            if not len(p) or p.max() <= p_remove:
                break
            inside.pop(int(p.argmax()))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_stepwise_without_fits_ends_where_stepwise_with_fits_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(size=(1500, 8))
    x[:, 4] = 0.6 * x[:, 0] + 0.8 * x[:, 4]
    y = random.random(1500) < 1 / (1 + np.exp(1 - x[:, 0] + 0.6 * x[:, 1] - 0.5 * x[:, 2]))
    information = full_fit(x, y)
    want = exact_steps(x, y, 0.01, 0.01)
    assert {0, 1, 2} <= want
    for way in ("forward", "backward", "both"):
        params = SelectParams(stepwise=way, p_enter=0.01, p_remove=0.01)
        found = walk(information, range(8), (), params)
        assert found.chosen == want
    # In the full model, statistics are those of the fit itself.
    everything = walk(information, range(8), range(8), SelectParams(stepwise="backward"))
    whole = sm.Logit(y, np.column_stack([x, np.ones(len(x))])).fit(disp=0)
    assert [everything.values[j] for j in range(8)] == pytest.approx(whole.pvalues[:-1].tolist(), rel=1e-6)


def test_akaikes_criterion() -> None:
    random = np.random.default_rng(5)
    x = random.normal(size=(1200, 5))
    y = random.random(1200) < 1 / (1 + np.exp(-x[:, 0] + 0.15 * x[:, 1]))
    information = full_fit(x, y)
    for way in ("forward", "backward", "both"):
        found = walk(information, range(5), (), SelectParams(stepwise=way, criterion="aic"))
        fits = {
            subset: sm.Logit(y, np.column_stack([*(x[:, j] for j in subset), np.ones(1200)])).fit(disp=0).aic
            for subset in _subsets(5)
        }
        assert found.chosen == set(min(fits, key=lambda subset: fits[subset]))
        assert all(value >= 0 for value in found.values.values())


def _subsets(count: int) -> list[tuple[int, ...]]:
    return [tuple(j for j in range(count) if bits >> j & 1) for bits in range(1 << count)]


def test_made_of_others_a_feature_does_not_enter() -> None:
    random = np.random.default_rng(6)
    x = random.normal(size=(800, 4))
    y = random.random(800) < 1 / (1 + np.exp(-x[:, 0]))
    information = full_fit(x[:, :3], y)
    turn = np.vstack([np.eye(4), [1.0, 0, 0, 0]])[[0, 1, 2, 4, 3]]  # the fourth is the first again
    twice = Information(turn @ information.matrix @ turn.T, turn @ information.moments)
    for way in ("forward", "backward", "both"):
        found = walk(twice, range(4), (), SelectParams(stepwise=way))
        assert 3 not in found.chosen
        assert 0 in found.chosen
    kept = walk(twice, range(4), (0, 3), SelectParams(stepwise="forward"))
    assert {0, 3} <= kept.chosen


@pytest.mark.parametrize("x", [0.0, 1.0, 3.841458820694124, 30.0])
def test_p_values(x: float) -> None:
    from scipy.stats import chi2

    assert p_value(x) == pytest.approx(chi2.sf(x, 1), rel=1e-10)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"keep": ["lender.a"]},
        {"keep": ["lender.a"], "drop": ["lender.a"]},
        {"min_iv": 0.5, "max_iv": 0.1},
        {"stepwise": "both", "p_enter": 0.1, "p_remove": 0.05},
        {"max_vif": 0.5},
        {"max_correlation": 1.0},
        {"most": 0},
        {"min_iv": math.nan},
        {"drop": ["a"]},
    ],
)
def test_parameters_that_make_no_sense(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SelectParams(**params)


# Together


@pytest.mark.parametrize("count", [2, 3])
def test_two_and_three_parties_choose_as_one_would(count: int) -> None:
    """Planned bytes and rounds are the measured ones; the pipeline sees to that."""
    given, parties = tables(), PARTIES[:count]
    params = {"min_iv": 0.02, "max_missing": 0.5, "max_correlation": 0.8, "max_vif": 1.8}
    outcomes = selected(given, parties, params)
    found = features(outcomes["lender"])
    gone = {name: one.reason for name, one in found.items() if not one.kept}
    wanted = {"nothing": "low_iv", "noise": "low_iv", "holes": "missing", "a2": "correlated"}
    assert wanted.items() <= gone.items()
    assert (gone.get("twin"), found["a"].kept) in ((None, False), ("correlated", True))
    assert count == 2 or "inflated" in gone.values()
    alone = features(selected(pooled(given, parties), ("lender",), params)["lender"])
    for name, one in found.items():
        other = alone[name]
        assert (one.kept, one.reason, one.threshold) == (other.kept, other.reason, other.threshold)
        assert (one.value or 0) == pytest.approx(other.value or 0, rel=2e-4, abs=2**-15)
    stay = {f"{one.party}.{name}" for name, one in found.items() if one.kept}
    for party in parties:
        frame = outcomes[party].frames["all"]
        assert {f"{p}.{name}" for p, names in frame.columns.items() for name in names} == stay


def test_steps_after_it_work_with_what_stays() -> None:
    given = without(tables(1000), "holes")
    params = {"max_correlation": 0.7, "stepwise": "both", "p_enter": 0.01, "p_remove": 0.01, "iterations": 5}
    after = (("glm", Glm(), {"family": "logistic", "iterations": 4}),)
    outcomes = selected(given, PARTIES, params, SCALED, after)
    found = features(outcomes["lender"])
    assert {name for name, one in found.items() if one.kept} >= {"a", "d"}
    assert not found["nothing"].kept
    told = json.loads(outcomes["lender"].published["coefficients/glm.coefficients.json"])
    names = {name for columns in told["coefficients"].values() for name in columns}
    assert names == {name for name, one in found.items() if one.kept}
    alone = features(selected(pooled(given, PARTIES), ("lender",), params, SCALED)["lender"])
    for name, one in found.items():
        assert (one.kept, one.reason) == (alone[name].kept, alone[name].reason)
        assert one.value == pytest.approx(alone[name].value, abs=0.01)
    # As a fit with just these features has them.
    table = pd.DataFrame({name: values for columns in given.values() for name, values in columns.items()})
    chosen = [name for name, one in found.items() if one.kept]
    fit = sm.Logit(table["bad"], sm.add_constant(table[chosen])).fit(disp=0)
    assert all(fit.pvalues[name] < 0.01 for name in chosen)


def test_a_party_may_be_left_without_features() -> None:
    after = (
        ("correlate", Correlate(), {}),
        ("describe", Describe(), {}),
        ("again", Select(), {"max_vif": 5.0, "most": 1}),
    )
    gone = tuple(f"payments.{name}" for name in tables(2)["payments"])
    outcomes = selected(tables(400), PARTIES[:2], {"drop": gone}, BINNED, after)
    assert outcomes["payments"].contexts["describe"].planning.frames["all"].columns["payments"] == ()
    assert outcomes["payments"].frames["all"].columns == {"lender": ("a",), "payments": ()}


def test_who_is_told_what() -> None:
    given = tables()
    receivers = dict.fromkeys(GRANTS, ("lender",)) | {"bins": PARTIES[:2]}
    receivers |= {"selection": ("lender", "payments"), "iv": ("lender", "payments")}
    params = {"min_iv": 0.02, "max_correlation": 0.7}
    outcomes = selected(given, PARTIES[:2], params, receivers=receivers)
    mine, theirs = features(outcomes["lender"]), features(outcomes["payments"])
    assert {name: one.reason for name, one in mine.items()} == {
        name: one.reason for name, one in theirs.items()
    }
    assert theirs["noise"].value == mine["noise"].value is not None
    assert mine["twin"].value is not None
    assert theirs["twin"].value is None  # correlations are not for it
    silent = selected(given, PARTIES[:2], params, receivers={**receivers, "selection": ()})
    assert not any(key.startswith("selection/") for one in silent.values() for key in one.published)
    assert silent["payments"].frames["all"].columns == outcomes["lender"].frames["all"].columns


def test_records_fit_their_planned_length() -> None:
    place = "p" * 31 + "." + '"' * 128
    feature = Feature(
        party="p" * 31,
        column='"' * 128,
        kept=False,
        reason="correlated",
        value=-1.2345678901234567e-308,
        threshold=-1.2345678901234567e-308,
        other=place,
    )
    from coterie.learn.documents import pack

    assert pack(Selection(features=(feature,) * 5), selection_size((place,) * 5))


def refusal(params: Mapping[str, Any], change: Mapping[str, Any] | None = None, **more: Any) -> CoterieError:
    given = without(tables(400), "holes")
    given["payments"] |= change or {}
    with pytest.raises(CoterieError) as caught:
        selected(given, PARTIES[:2], params, **more)
    return caught.value


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({"min_iv": 0.02}, "iv"),
        ({"most": 2}, "iv"),
        ({"max_missing": 0.5}, "profile"),
        ({"max_correlation": 0.5}, "correlations"),
        ({"max_vif": 5.0}, "correlations"),
        ({"stepwise": "forward"}, "statistics"),
        ({"stepwise": "forward"}, "coefficients"),
    ],
)
def test_what_the_label_holder_is_not_granted_it_cannot_choose_by(params: Any, kind: str) -> None:
    receivers = dict.fromkeys(GRANTS, ("lender",)) | {"bins": PARTIES[:2], kind: ("payments",)}
    error = refusal(params, receivers=receivers)
    assert error.code == "CT-3145"
    assert f"'{kind}'" in str(error)


def test_refusals() -> None:
    assert refusal({"min_iv": 5.0}).code == "CT-3146"
    assert refusal({"drop": ("lender.b",)}).code == "CT-3135"
    assert refusal({"min_iv": 0.02}, before=SCALED).code == "CT-3103"
    partly = (("bin", Bin(), {"columns": ["lender.a", "payments.b"]}),)
    assert refusal({"min_iv": 0.02}, before=partly).code == "CT-3147"
    assert refusal({"stepwise": "both"}, before=()).code == "CT-3050"
    rows = np.arange(400)
    few = {"b": np.where(rows < 5, 1.0, 0.0)}
    assert refusal({"max_correlation": 0.5}, few, before=()).code == "CT-3138"
    missing = {"b": np.where(rows < 50, np.nan, rows)}
    assert refusal({"max_vif": 5.0}, missing, before=()).code == "CT-3027"


RECEIVERS = dict.fromkeys((*GRANTS, "bins"), PARTIES)


@drawn(
    exponent=st.floats(8, 17),
    below=st.sampled_from((1.0, 0.5, 0.2)),
    network=st.sampled_from(NETWORKS),
    correlations=st.sampled_from(("stream", "tape")),
    count=st.sampled_from((2, 3)),
    kept=st.sets(st.sampled_from(("age", "income", "flow", "calls")), min_size=1),
    params=st.builds(
        SelectParams,
        max_missing=st.sampled_from((None, 0.5)),
        max_correlation=st.sampled_from((None, 0.7)),
        stepwise=st.sampled_from((None, "forward")),
        iterations=st.just(4),
        most=st.just(2),
    ),
)
@settings(max_examples=10, deadline=None)
def test_fewer_rows_or_columns_need_no_more(
    exponent: float,
    below: float,
    network: Network | None,
    correlations: Dealing,
    count: int,
    kept: set[str],
    params: SelectParams,
) -> None:
    most = int(2**exponent)
    bound, need = (around(rows, network, correlations, count) for rows in (most, max(100, int(most * below))))
    bound.exact = False
    for context in (bound, need):
        context.receivers = RECEIVERS
        context.models = {"bin": BinsFacts(dict(context.columns), 20)}
    for name, shape in list(need.frames.items()):
        columns = {p: tuple(c for c in names if c in kept) for p, names in shape.columns.items()}
        need.frames[name] = replace(shape, columns=columns if any(columns.values()) else shape.columns)
    for context in (bound, need):
        context.frames["all"] = context.frames["train"]
    assert not beyond(Select().plan(need, params), Select().plan(bound, params))


def test_many_features_are_told_in_several_numbers() -> None:
    context = around(1000, None, "stream", 2)
    names = tuple(f"c{number}" for number in range(70))
    shape = FrameShape(1000, {"lender": names[:40], "payments": names[40:]}, "lender", "bad")
    context.frames = {"all": shape, "train": shape}
    random = np.random.default_rng(0)
    kept = tuple((random.random(70) < 0.5).tolist())

    class Left:
        models: ClassVar = {"train": kept}
        step = "train"

    facts = Select().facts(Left())  # type: ignore[arg-type]
    assert list(facts) == ["features.0", "features.1", "features.2"]
    assert all(0 <= one < 1 << 32 for one in facts.values())
    Select().apply_facts(context, facts)
    left = context.frames["train"].columns
    assert (*left["lender"], *left["payments"]) == tuple(
        name for name, one in zip(names, kept, strict=True) if one
    )


@pytest.mark.parametrize("guests", [("regulator",), ("hub", "regulator")])
def test_receivers_without_data_are_told_why(guests: tuple[str, ...]) -> None:
    receivers = dict.fromkeys(GRANTS, ("lender",)) | {"bins": PARTIES[:2], "selection": guests}
    params = {"min_iv": 0.02, "max_missing": 0.5, "max_correlation": 0.7}
    outcomes = selected(tables(600), PARTIES[:2], params, receivers=receivers, guests=guests)
    for guest in guests:
        assert set(outcomes[guest].published) == {"selection/select.selection.json"}
        assert all(one.value is None for one in features(outcomes[guest]).values())
    assert not outcomes["lender"].published.get("selection/select.selection.json")


def test_where_all_columns_are_nobody_needs_to_see_what_it_chooses_by() -> None:
    """In engine tee nobody sends, and one process has the columns of all."""
    given = tables(600)
    params = {"min_iv": 0.02, "max_missing": 0.5, "max_correlation": 0.7, "max_vif": 3.0}
    params |= {"stepwise": "backward"}
    told, frames = in_tee(
        {name: dataset_of(given, name) for name in PARTIES},
        (*BINNED, ("select", Select(), params)),
        {"selection": ("payments", "regulator"), "iv": ("payments",)},
    )
    assert set(told) == {"payments", "regulator"}
    found = {
        reader: Selection.model_validate_json(files["select.selection.json"])
        for reader, files in told.items()
    }
    alone = features(selected(pooled(given, PARTIES), ("lender",), params)["lender"])
    for one, other in zip(found["payments"].features, found["regulator"].features, strict=True):
        assert one.kept == other.kept == alone[one.column].kept
        assert other.value is None
        assert (one.value is None) == (one.reason not in ("low_iv", "high_iv"))
    left = {name for columns in frames["all"].columns.values() for name in columns}
    assert left == {name for name, one in alone.items() if one.kept}


def dataset_of(given: Tables, name: str) -> Any:
    ids = people(len(given["lender"]["bad"]))[0]
    return dataset(ids, given[name], label="bad" if name == "lender" else None)
