"""Stability, comparison and decisions on plain arrays, against scorecardpy, SciPy and brute force."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import entropy, norm
from sklearn.metrics import roc_auc_score

from coterie.learn.compare import CompareParams
from coterie.learn.compare.clear import Pair, compared, reclassified, swapped
from coterie.learn.compare.portfolio import Portfolio
from coterie.learn.decide import DecideParams
from coterie.learn.decide.clear import Scale, decided
from coterie.learn.stability import StabilityParams
from coterie.learn.stability.clear import compared as between
from coterie.learn.stability.clear import counted, counted_codes, psi

from .test_metrics import Sample, realistic, samples


def test_the_index_is_the_symmetrised_divergence() -> None:
    random = np.random.default_rng(0)
    base, other = random.normal(size=4000), random.normal(0.4, 1.2, 3000)
    found = counted(base, other, 10, 20)
    p, q = found.base / 4000, found.other / 3000
    assert len(p) == 10
    assert found.base.tolist() == [400] * 10
    edges = np.quantile(base, np.arange(1, 10) / 10, method="higher")
    assert found.other.tolist() == np.bincount(np.searchsorted(edges, other, side="right")).tolist()
    assert psi(found) == pytest.approx(entropy(p, q) + entropy(q, p))
    assert psi(counted(base, base, 10, 20)) == 0
    assert sum(one.psi for one in found.bins()) == pytest.approx(psi(found))


@pytest.mark.filterwarnings("ignore")
def test_the_index_of_categories_is_scorecardpys() -> None:
    import pandas as pd
    from scorecardpy.perf import perf_psi

    random = np.random.default_rng(1)
    base, other = (
        random.choice(["a", "b", "c"], 3000, p=p).tolist() for p in ((0.5, 0.3, 0.2), (0.4, 0.3, 0.3))
    )
    found = between(pa.chunked_array([base]), pa.chunked_array([other]), 10, 20)
    assert found.labels == ("a", "b", "c")
    codes = [pd.Series(one).map({"a": 1, "b": 2, "c": 3}) for one in (base, other)]
    theirs = perf_psi(
        score={"train": pd.DataFrame({"score": codes[0]}), "test": pd.DataFrame({"score": codes[1]})},
        label={"train": pd.Series([0, 1] * 1500), "test": pd.Series([0, 1] * 1500)},
        show_plot=False,
        return_distr_dat=False,
    )["psi"]
    assert psi(found) == pytest.approx(float(theirs["PSI"].iloc[0]), abs=1e-4)


def test_few_numbers_are_a_bin_each_and_missing_ones_too() -> None:
    base = np.array([0.0] * 50 + [1.0] * 50 + [np.nan] * 30 + [2.0] * 5)
    other = np.array([1.0] * 40 + [2.0] * 40 + [7.0] * 20)
    found = counted(base, other, 10, 20)
    assert found.labels == ("(-inf, 1)", "[1, inf)", "missing")
    assert (found.base.tolist(), found.other.tolist()) == ([50, 55, 30], [0, 100, 0])
    assert np.isfinite(psi(found))
    flags = pa.chunked_array([[True] * 30 + [False] * 70])
    assert between(flags, flags, 10, 20).base.tolist() == [70, 30]


def test_categories_that_are_new_or_rare_are_together() -> None:
    base = ["a"] * 60 + ["b"] * 40 + ["c"] * 3 + ["d"] * 2
    other = ["a"] * 50 + ["z"] * 30
    found = between(pa.chunked_array([base]), pa.chunked_array([other]), 10, 20)
    assert found.labels == ("a", "b, c, d, other")
    assert (found.base.tolist(), found.other.tolist()) == ([60, 45], [50, 30])
    many = [f"c{number}" for number in range(10_000)]
    assert between(pa.chunked_array([many]), pa.chunked_array([many]), 10, 20).base.tolist() == [20, 9980]
    nothing = pa.chunked_array([pa.array([None] * 9, pa.string())])
    assert between(nothing, nothing, 10, 20).base.tolist() == [9]
    assert psi(between(nothing, pa.chunked_array([["a"] * 9]), 10, 5)) > 0
    empty = pa.chunked_array([pa.array([None] * 9, pa.float64())])
    assert between(empty, empty, 10, 20).base.tolist() == [9]


def test_bins_of_a_step_are_counted_as_they_are() -> None:
    found = counted_codes(
        ["low", "high", "never"], np.array([0] * 30 + [1] * 30), np.array([0] * 10 + [-1] * 25), 20
    )
    assert found.labels == ("low", "high, new") or found.labels == ("low", "high", "new")
    assert (found.base.sum(), found.other.sum()) == (60, 35)


@settings(max_examples=30)
@given(samples(), st.integers(2, 12), st.integers(1, 30))
def test_every_row_is_in_one_bin(sample: Sample, bins: int, least: int) -> None:
    labels, scores = sample
    base, other = scores[labels == 0], scores[labels == 1]
    found = counted(base, other, bins, least)
    assert (found.base.sum(), found.other.sum()) == (len(base), len(other))
    assert len(found.base) == 1 or found.base.min() >= least
    assert psi(found) >= 0


def pair(rows: int = 3000) -> Pair:
    labels, first, second = realistic(rows)
    return Pair(labels, first, second, np.ones(rows))


def test_reclassification_is_the_papers() -> None:
    """Pencina et al. (2008), equations 5 to 10, by brute force over rows."""
    both, cuts = pair(), (0.05, 0.1, 0.2)
    found = reclassified(both, cuts)
    new, old = (sum((scores >= cut).astype(int) for cut in cuts) for scores in (both.first, both.second))
    ones, zeros = both.labels == 1, both.labels == 0
    up = [np.mean(new[rows] > old[rows]) for rows in (ones, zeros)]
    down = [np.mean(new[rows] < old[rows]) for rows in (ones, zeros)]
    nri = (up[0] - down[0]) + (down[1] - up[1])
    error = np.sqrt((up[0] + down[0]) / ones.sum() + (up[1] + down[1]) / zeros.sum())
    assert found.nri.difference == pytest.approx(nri)
    assert found.nri.z == pytest.approx(nri / error)
    assert found.nri.p_value == pytest.approx(2 * norm.sf(nri / error))
    assert (found.nri_positives, found.nri_negatives) == (
        pytest.approx(up[0] - down[0]),
        pytest.approx(down[1] - up[1]),
    )
    for table, rows in ((found.positives, ones), (found.negatives, zeros)):
        for one, other in itertools.product(range(4), repeat=2):
            assert table[one][other] == ((old[rows] == one) & (new[rows] == other)).sum()
    rise = both.first - both.second
    assert found.idi.difference == pytest.approx(rise[ones].mean() - rise[zeros].mean())
    spread = np.sqrt(rise[ones].var(ddof=1) / ones.sum() + rise[zeros].var(ddof=1) / zeros.sum())
    assert found.idi.z == pytest.approx(found.idi.difference / spread)
    free = (np.mean(rise[ones] > 0) - np.mean(rise[ones] < 0)) + (
        np.mean(rise[zeros] < 0) - np.mean(rise[zeros] > 0)
    )
    assert found.nri_continuous.difference == pytest.approx(free)


@settings(max_examples=30)
@given(samples())
def test_a_score_beside_itself_changes_nothing(sample: Sample) -> None:
    labels, scores = sample
    found = compared(Pair(labels, scores, scores, np.ones(len(labels))), ("a", "b"), CompareParams())
    assert (found.auc.difference, found.auc.p_value, found.ks_difference) == (0, 1, 0)
    assert (found.reclassification.nri.difference, found.reclassification.idi.difference) == (0, 0)
    assert found.swap is not None
    assert found.swap.swapped_in.rows == found.swap.swapped_out.rows == 0
    for one in (*found.at_equal_approval, *found.at_equal_bad_rate):
        assert one.first == one.second
    assert found.first.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@settings(max_examples=30)
@given(samples(), st.floats(0.01, 0.99))
def test_outcomes_at_an_approval_rate_are_those_of_a_fair_draw(sample: Sample, share: float) -> None:
    """Among rows of equal scores at the border all choices are averaged: exactly, by their means."""
    labels, scores = sample
    exposure = np.arange(1.0, len(labels) + 1)
    found = Portfolio.of(labels, scores, exposure, 0).at_approval(share, 0.5, 0.1)
    wanted, seen, lost, earned, bad = share * len(labels), 0.0, 0.0, 0.0, 0.0
    for value in np.unique(scores):
        rows = scores == value
        part = min(1.0, max(0.0, (wanted - seen) / rows.sum()))
        seen += rows.sum()
        bad += part * labels[rows].sum()
        lost += part * (exposure * labels)[rows].sum()
        earned += part * (exposure * (1 - labels))[rows].sum()
    assert found.bad_rate == pytest.approx(bad / wanted)
    assert found.loss == pytest.approx(0.5 * lost)
    assert found.profit == pytest.approx(0.1 * earned - 0.5 * lost)


@settings(max_examples=30)
@given(samples(), st.floats(0.01, 0.9))
def test_no_cut_approves_more_at_a_bad_rate(sample: Sample, rate: float) -> None:
    labels, scores = sample
    found = Portfolio.of(labels, scores, np.ones(len(labels)), 0).at_bad_rate(rate, 1.0, 0.0)
    cuts = [scores <= value for value in np.unique(scores)]
    fits = [rows.mean() for rows in cuts if labels[rows].mean() <= rate * (1 + 1e-12)]
    assert (found is None) == (not fits)
    if found is not None:
        assert found.approval == pytest.approx(max(fits))
        assert found.bad_rate <= rate * (1 + 1e-9)


def test_small_swap_sets_are_for_the_label_holder_alone() -> None:
    both = pair(400)
    assert swapped(both, 0.7, 0) is not None
    assert swapped(both, 0.7, 30) is None
    told = swapped(pair(3000), 0.7, 20)
    assert told is not None
    assert told.both.rows + told.swapped_in.rows == pytest.approx(0.7 * 3000, rel=0.1)
    told = compared(both, ("a", "b"), CompareParams(), 10)
    assert (told.guarded, told.reclassification.positives) == (True, ())


def by_probability(labels: Any, scores: Any, least: int = 0, guarded: bool = False, **params: Any) -> Any:
    scale = Scale(points=False, probabilities=lambda one: one)
    return decided(labels, scores, "m", DecideParams(**params), scale, least, guarded=guarded)


def by_points(labels: Any, points: Any, least: int = 0, guarded: bool = False, **params: Any) -> Any:
    scale = Scale(points=True, probabilities=lambda one: 1 / (1 + np.exp((one - 500) / 30)))
    return decided(labels, points, "m", DecideParams(**params), scale, least, guarded=guarded)


@settings(max_examples=30)
@given(samples(), st.floats(0.05, 0.95), st.sampled_from((0.0, 0.1, 0.4)))
def test_the_cut_off_approves_as_many_as_it_may(sample: Sample, rate: float, manual: float) -> None:
    labels, scores = sample
    found = by_probability(labels, scores, max_bad_rate=rate, manual=manual, bands=4)
    cuts = [scores <= value for value in np.unique(scores)]
    most = max((rows.sum() for rows in cuts if labels[rows].mean() <= rate * (1 + 1e-12)), default=0)
    approved, refused = scores < found.approve, scores >= found.refuse
    assert approved.sum() == found.zones[0].rows == most
    assert (~approved & ~refused).sum() == found.zones[1].rows
    assert found.zones[1].rows >= min(manual * len(labels), len(labels) - most) * (1 - 1e-9)
    assert sum(zone.rows for zone in found.zones) == sum(band.rows for band in found.bands) == len(labels)
    assert found.targets[0].met == (most > 0)


@settings(max_examples=30)
@given(samples(), st.floats(0.05, 0.95))
def test_points_decide_as_probabilities_do(sample: Sample, share: float) -> None:
    labels, scores = sample
    points = np.round(600 - 200 * scores)
    found = by_points(labels, points, min_approval=share, manual=0.2, bands=5)
    other = by_probability(labels, (600 - points) / 200, min_approval=share, manual=0.2, bands=5)
    assert [zone.rows for zone in found.zones] == [zone.rows for zone in other.zones]
    assert [band.rows for band in found.bands] == [band.rows for band in other.bands]
    assert (points >= found.approve).sum() == found.zones[0].rows >= share * len(points) * (1 - 1e-9)
    assert (points < found.refuse).sum() == found.zones[2].rows
    for band in found.bands:
        inside = (points >= band.score_low) & (points <= band.score_high)
        assert (band.rows, band.positives) == (inside.sum(), labels[inside].sum())
    assert found.approve_probability == pytest.approx(1 / (1 + np.exp((found.approve - 500) / 30)))


def test_cut_offs_and_edges_can_be_given() -> None:
    labels, risk, _ = realistic(3000)
    points = np.round(500 - 30 * np.log(risk / (1 - risk)))
    found = by_points(labels, points, 20, approve=560, refuse=520, edges=(500, 520, 540, 560, 600))
    assert [zone.rows for zone in found.zones] == [
        (points >= 560).sum(),
        ((points >= 520) & (points < 560)).sum(),
        (points < 520).sum(),
    ]
    assert (found.approve, found.refuse, found.targets) == (560, 520, ())
    assert [band.decision for band in found.bands] == sorted(band.decision for band in found.bands)
    assert {band.score_low >= 560 for band in found.bands if band.decision == "approve"} == {True}
    for band in found.bands:
        assert min(band.positives, band.rows - band.positives) >= 20
        inside = (points >= band.score_low) & (points <= band.score_high)
        assert band.predicted == pytest.approx((1 / (1 + np.exp((points[inside] - 500) / 30))).mean())


def test_limits_keep_to_the_cap() -> None:
    labels, scores, _ = realistic(3000)
    found = by_probability(
        labels,
        scores,
        20,
        max_bad_rate=0.05,
        loss_cap=50.0,
        loss_given_default=0.4,
        max_limit=5000,
        limit_step=100,
    )
    for band in found.bands:
        worst = max(band.rate, band.predicted)
        if band.decision == "refuse":
            assert band.limit == 0
            continue
        assert band.limit % 100 == 0
        assert band.limit * worst * 0.4 <= 50 or band.limit == 5000
        assert min(band.limit + 100, 5000.0) * worst * 0.4 > 50 or band.limit == 5000
        assert band.expected_loss == pytest.approx(band.rows * band.limit * worst * 0.4)
    given_ = by_probability(
        labels, scores, 20, approve=0.2, bands=4, limits=(4000, 3000, 2000, 1000), max_limit=3500
    )
    limits = [band.limit for band in given_.bands if band.decision == "approve"]
    assert limits[0] == 3500
    assert limits == sorted(limits, reverse=True)
    assert {band.limit for band in given_.bands if band.decision == "refuse"} == {0}


def test_others_are_told_nothing_of_rows_where_a_decision_has_too_few() -> None:
    labels, scores, _ = realistic(3000)
    cut = float(np.sort(scores)[-5])
    whole = by_probability(labels, scores, 20, approve=cut)
    told = by_probability(labels, scores, 20, guarded=True, approve=cut)
    assert whole.zones[2].rows == 5
    assert (told.zones, told.bands, told.approve) == ((), (), cut)
    nobody = by_probability(labels, scores, 20, max_bad_rate=1e-6)
    assert nobody.zones[0].rows == 0
    assert (nobody.targets[0].met, nobody.targets[0].reached) == (False, None)
    everybody = by_probability(labels, scores, 20, guarded=True, max_bad_rate=0.999)
    assert (everybody.zones[0].rows, everybody.approve) == (3000, 1.0)


def test_equal_scores_have_one_decision() -> None:
    labels = np.array([0, 1] * 30, np.int8)
    found = by_probability(labels, np.full(60, 0.5), 20, max_bad_rate=0.5, manual=0.3)
    assert [zone.rows for zone in found.zones] == [60, 0, 0]
    found = by_points(labels, np.full(60, 500.0), 20, max_bad_rate=0.4)
    assert [zone.rows for zone in found.zones] == [0, 0, 60]
    assert found.approve == 501


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"approve": 0.1, "max_bad_rate": 0.1},
        {"refuse": 0.1, "max_bad_rate": 0.1},
        {"approve": 0.1, "manual": 0.1},
        {"approve": 0.1, "edges": (0.2, 0.1)},
        {"approve": 0.1, "limits": (1.0, 2.0)},
        {"approve": 0.1, "edges": (0.1,), "limits": (1.0, 2.0), "loss_cap": 1.0},
        {"approve": float("nan")},
    ],
)
def test_parameters_of_decisions_that_do_not_fit(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DecideParams(**params)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (CompareParams, {"cut_offs": (0.2, 0.1)}),
        (CompareParams, {"exposure": "lender.a", "amount": 2.0}),
        (CompareParams, {"model": "a", "against": "a"}),
        (StabilityParams, {"base": "test"}),
        (StabilityParams, {"score": False, "features": False}),
        (StabilityParams, {"score": False, "model": "a"}),
    ],
)
def test_parameters_that_do_not_fit(kind: Any, params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind(**params)


def test_others_are_told_moves_in_multiples_of_the_smallest_group() -> None:
    """One row that moves is none to them; the label holder sees it."""
    labels = np.repeat([1, 0], [100, 300]).astype(np.int8)
    second = np.full(400, 0.3)
    first = second.copy()
    first[0] = 0.7
    pair = Pair(labels, first, second, np.ones(400))
    assert reclassified(pair, (0.5,)).nri_positives == pytest.approx(0.01)
    told = reclassified(pair, (0.5,), 20)
    assert (told.nri_positives, told.nri_continuous.difference, told.positives) == (0.0, 0.0, ())
    first[:31] = 0.7
    assert reclassified(pair, (0.5,), 20).nri_positives == pytest.approx(0.4)
