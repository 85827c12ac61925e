"""Cuts, bins and segments of a score, and scores of numbers, against scikit-learn; what others are told."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    d2_tweedie_score,
    f1_score,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_tweedie_deviance,
    precision_recall_curve,
    precision_score,
    r2_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from coterie.errors import CoterieError
from coterie.learn.boosting import BoostingParams
from coterie.learn.evaluate.clear import measure
from coterie.learn.evaluate.curves import curves
from coterie.learn.evaluate.record import RATES
from coterie.learn.evaluate.regression import measure_numbers, power_of
from coterie.learn.evaluate.segments import segmented, values_of
from coterie.learn.glm import GlmParams
from coterie.learn.logistic import LogisticParams
from coterie.learn.measures import coarse, tally
from coterie.learn.neural import NeuralParams

from .test_metrics import Sample, realistic, samples


@settings(max_examples=30)
@given(samples(), st.floats(0, 1))
def test_cuts_are_the_oracles(sample: Sample, threshold: float) -> None:
    labels, scores = sample
    found = measure(labels, scores, 10, threshold)
    precision, recall, _ = precision_recall_curve(labels, scores)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    assert found.best_f1.f1 == pytest.approx(f1.max(), abs=1e-12)
    taken = scores >= found.best_f1.threshold
    assert found.best_f1.rows == taken.sum()
    assert found.best_f1.f1 == pytest.approx(f1_score(labels, taken), abs=1e-12)
    high = scores >= threshold
    if not high.any():
        assert found.at_threshold is None
        return
    assert found.at_threshold is not None
    assert found.at_threshold.rows == high.sum()
    assert found.at_threshold.precision == pytest.approx(precision_score(labels, high), abs=1e-12)
    assert found.at_threshold.recall == pytest.approx(recall_score(labels, high), abs=1e-12)
    assert found.at_threshold.f1 == pytest.approx(f1_score(labels, high), abs=1e-12)


@settings(max_examples=30)
@given(samples())
def test_cuts_at_rates_find_as_much_as_there_is(sample: Sample) -> None:
    labels, scores = sample
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    for one, rate in zip(measure(labels, scores, 10).at_rates, RATES, strict=True):
        assert one.rate == rate
        best = true[false <= rate].max()
        if one.point is None:
            assert best == 0
            continue
        assert one.point.false_positive_rate <= rate
        assert one.point.recall == pytest.approx(best, abs=1e-12)
        high = scores >= one.point.threshold
        assert (one.point.rows, one.point.precision) == (high.sum(), pytest.approx(labels[high].mean()))


@settings(max_examples=30)
@given(samples(), st.integers(2, 20))
def test_score_bins_hold_every_row_once(sample: Sample, bins: int) -> None:
    labels, scores = sample
    found = measure(labels, scores, bins)
    for table in (found.equal_frequency, found.equal_range):
        assert sum(one.rows for one in table) == len(labels)
        assert sum(one.positives for one in table) == labels.sum()
        for one in table:
            inside = (scores >= one.score_low) & (scores <= one.score_high)
            assert (one.rows, one.rate) == (inside.sum(), pytest.approx(labels[inside].mean()))
            high = scores >= one.score_low
            assert one.recall == pytest.approx(high[labels == 1].mean(), abs=1e-12)
            assert one.precision == pytest.approx(labels[high].mean(), abs=1e-12)
            assert one.false_positive_rate == pytest.approx(high[labels == 0].mean(), abs=1e-12)
    for ours, band in zip(found.equal_frequency, found.lift, strict=True):
        assert (ours.rows, ours.lift) == (band.rows, band.lift)


def test_a_constant_score_has_one_bin_and_one_cut() -> None:
    labels = np.array([0, 1, 0, 1, 1], np.int8)
    found = measure(labels, np.full(5, 0.3), 10)
    assert (found.auc, found.ks, found.gini) == (0.5, 0, 0)
    assert len(found.lift) == len(found.equal_range) == len(found.equal_frequency) == 1
    assert (found.best_f1.rows, found.best_f1.recall) == (5, 1)
    assert all(one.point is None for one in found.at_rates)
    assert found.at_threshold is None


@settings(max_examples=30)
@given(samples(), st.integers(1, 12), st.integers(2, 20))
def test_what_others_are_told_is_of_cells(sample: Sample, least: int, bins: int) -> None:
    """Every border between groups of rows, in whichever table, lies between two cells."""
    labels, scores = sample
    found, whole = measure(labels, scores, bins, 0.4, least), measure(labels, scores, bins, 0.4)
    cells = coarse(tally(labels, scores), least)
    seen = np.cumsum(cells.sizes).tolist()
    for table in (found.lift, found.equal_frequency, found.equal_range):
        assert set(np.cumsum([one.rows for one in table]).tolist()) <= set(seen)
    cuts = [found.best_f1, found.at_threshold, *(one.point for one in found.at_rates)]
    assert {one.rows for one in cuts if one is not None} <= set(seen)
    assert (found.auc, found.auc_low, found.ks) == (whole.auc, whole.auc_low, whole.ks)
    assert (found.brier, found.log_loss) == (whole.brier, whole.log_loss)
    drawn = curves(labels, scores, least)
    assert set(np.cumsum(np.add(drawn.positives, drawn.negatives)[::-1]).tolist()) <= {0, *seen}
    corners = set(zip(drawn.false_positive_rate, drawn.true_positive_rate, strict=True))
    hits, false = np.cumsum(cells.positives), np.cumsum(cells.negatives)
    known = zip(false / labels.tolist().count(0), hits / labels.sum(), strict=True)
    assert corners <= {(0.0, 0.0), *((round(float(x), 6), round(float(y), 6)) for x, y in known)}


def column(kind: str, rows: int) -> tuple[pa.ChunkedArray, list[str]]:
    """A column with three large segments and small ones, and the names of the large ones."""
    random = np.random.default_rng(0)
    if kind == "text":
        values = np.array(["north", "south", "east", "isle", "rock"])[
            random.choice(5, rows, p=(0.4, 0.3, 0.285, 0.01, 0.005))
        ]
        return pa.chunked_array([pa.array(values.tolist())]), [
            "north",
            "south",
        ]  # the rare ones are too few without a third
    if kind == "bool":
        return pa.chunked_array([pa.array((random.random(rows) < 0.3).tolist())]), ["False", "True"]
    if kind == "many":
        values = [f"c{number}" for number in random.integers(0, 10_000, rows)]
        return pa.chunked_array([pa.array(values)]), []
    numbers = np.where(random.random(rows) < 0.2, np.nan, random.normal(size=rows))
    return pa.chunked_array([pa.array(numbers, from_pandas=True)]), ["missing"]


@pytest.mark.parametrize("kind", ["text", "bool", "many", "number"])
def test_segments_are_measured_apart(kind: str) -> None:
    labels, scores, _ = realistic(3000)
    values, large = column(kind, 3000)
    found = segmented("lender.x", values, labels, scores, 20)
    names, codes = values_of(values)
    by_name = {one.name: one for one in found.segments}
    assert set(large) <= set(by_name)
    assert sum(one.rows for one in found.segments) == 3000
    assert sum(one.positives for one in found.segments) == labels.sum()
    for one in found.segments:
        assert min(one.positives, one.rows - one.positives) >= 20
        known = [number for number, name in enumerate(names) if name == one.name]
        if one.name == "other" or not known:
            continue
        inside = codes == known[0]
        assert (one.rows, one.rate) == (inside.sum(), pytest.approx(labels[inside].mean()))
        assert one.predicted == pytest.approx(scores[inside].mean())
        assert one.auc == pytest.approx(roc_auc_score(labels[inside], scores[inside]), abs=1e-12)
    if kind == "many":
        assert [one.name for one in found.segments] == ["other"]
    if kind == "number":
        assert len(found.segments) == 6
        sizes = [one.rows for one in found.segments if one.name != "missing"]
        assert max(sizes) - min(sizes) <= 1


def test_what_is_left_of_segments_is_never_alone_and_small() -> None:
    """Three rows that are told of nowhere could be told from the whole less the others."""
    labels = np.array([0, 1] * 100, np.int8)
    scores = np.linspace(0, 1, 200)
    names = ["a"] * 100 + ["b"] * 97 + ["rare"] * 3
    found = segmented("lender.x", pa.chunked_array([names]), labels, scores, 20)
    assert [(one.name, one.rows) for one in found.segments] == [("a", 100), ("other", 100)]


def counts(rows: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    mean = np.exp(random.normal(size=rows) * 0.5)
    return random.poisson(mean).astype(float), mean * np.exp(0.1 * random.normal(size=rows))


@pytest.mark.parametrize("power", [0.0, 1.0, 1.5, 2.0])
def test_measures_of_numbers_are_the_oracles(power: float) -> None:
    labels, scores = counts()
    if power == 2:
        labels = labels + 0.5
    found = measure_numbers(labels, scores, 10, power)
    assert found.mse == pytest.approx(mean_squared_error(labels, scores))
    assert found.rmse == pytest.approx(mean_squared_error(labels, scores) ** 0.5)
    assert found.mae == pytest.approx(mean_absolute_error(labels, scores))
    assert found.r2 == pytest.approx(r2_score(labels, scores))
    assert found.deviance == pytest.approx(mean_tweedie_deviance(labels, scores, power=power))
    assert found.deviance_explained == pytest.approx(d2_tweedie_score(labels, scores, power=power))
    if power == 2:
        assert found.mape == pytest.approx(mean_absolute_percentage_error(labels, scores))
    else:
        assert found.mape is None  # some label is 0
    assert sum(band.rows for band in found.bands) == len(labels)
    assert np.average(
        [b.observed for b in found.bands], weights=[b.rows for b in found.bands]
    ) == pytest.approx(labels.mean())


def test_what_is_not_defined_of_numbers_is_left_out() -> None:
    found = measure_numbers(np.full(5, 2.0), np.array([1.0, 2, 3, -1, 0]), 10, 1.0, 2)
    assert (found.r2, found.deviance, found.deviance_explained) == (None, None, None)
    assert found.mape == pytest.approx(0.7)
    assert len(found.bands) == 2
    assert measure_numbers(np.array([1.0, 2.0]), np.array([1.0, 1.0]), 10, None).deviance is None
    assert len(measure_numbers(np.arange(9.0), np.ones(9), 10, 0.0).bands) == 1
    with pytest.raises(CoterieError, match="CT-3028"):
        measure_numbers(np.array([1.0, np.nan]), np.ones(2), 10, None)


def test_every_family_has_its_deviance() -> None:
    assert power_of(GlmParams(family="tweedie", power=1.3)) == 1.3
    assert power_of(BoostingParams(objective="gamma")) == 2
    assert power_of(NeuralParams(task="regression")) == 0
    assert power_of(BoostingParams()) is None
    assert power_of(LogisticParams()) is None
