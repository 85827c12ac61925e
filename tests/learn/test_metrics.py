"""The measures against scikit-learn, SciPy and brute force."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score, roc_curve

from coterie.errors import CoterieError
from coterie.learn.documents import pack, unpack
from coterie.learn.evaluate.clear import measure
from coterie.learn.evaluate.curves import curves
from coterie.learn.evaluate.record import Curves, Evaluation, Record, packed_size
from coterie.learn.measures import auc, gain, placements, tally, wilson

Sample = tuple[NDArray[np.int8], NDArray[np.float64]]


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Labels with both values, and probabilities with many ties."""
    size = draw(st.integers(2, 60))
    labels = np.array(draw(st.lists(st.integers(0, 1), min_size=size, max_size=size)), dtype=np.int8)
    labels[:2] = (0, 1)
    levels = draw(st.lists(st.floats(0, 1), min_size=1, max_size=12))
    picks = draw(st.lists(st.integers(0, len(levels) - 1), min_size=size, max_size=size))
    return labels, np.array(levels, dtype=np.float64)[picks]


def realistic(
    rows: int = 5000, seed: int = 3
) -> tuple[NDArray[np.int8], NDArray[np.float64], NDArray[np.float64]]:
    """Labels, a good score, and a weaker one of the same rows; both calibrated enough."""
    random = np.random.default_rng(seed)
    known, hidden = random.normal(size=rows), random.normal(size=rows)
    truth = 1 / (1 + np.exp(2.2 - known - 1.4 * hidden))
    labels = (random.random(rows) < truth).astype(np.int8)
    return labels, truth, 1 / (1 + np.exp(1.7 - 0.8 * known))


@given(samples())
def test_measures_equal_the_oracles(sample: Sample) -> None:
    labels, scores = sample
    found = measure(labels, scores, 10)
    assert found.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert found.gini == pytest.approx(2 * found.auc - 1, abs=1e-12)
    with warnings.catch_warnings(action="ignore"):  # about its p-value, which is not looked at
        distance = ks_2samp(scores[labels == 1], scores[labels == 0]).statistic
    assert found.ks == pytest.approx(distance, abs=1e-12)
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert found.ks == pytest.approx(np.abs(true - false).max(), abs=1e-12)
    assert found.brier == pytest.approx(brier_score_loss(labels, scores), abs=1e-12)
    assert found.log_loss == pytest.approx(log_loss(labels, scores), rel=1e-12)
    assert (found.rows, found.positives) == (len(labels), labels.sum())


@given(samples())
def test_the_threshold_is_where_the_distance_is(sample: Sample) -> None:
    labels, scores = sample
    found = measure(labels, scores, 10)
    high = scores >= found.ks_threshold
    assert abs(high[labels == 1].mean() - high[labels == 0].mean()) == pytest.approx(found.ks, abs=1e-12)


@given(samples())
def test_auc_counts_pairs(sample: Sample) -> None:
    labels, scores = sample
    high, low = scores[labels == 1][:, None], scores[labels == 0][None, :]
    pairs = np.mean((high > low) + 0.5 * (high == low))
    assert auc(tally(labels, scores)) == pytest.approx(pairs, abs=1e-12)
    by_row, by_column = placements(labels, scores)
    assert by_row.mean() == pytest.approx(pairs, abs=1e-12)
    assert by_column.mean() == pytest.approx(pairs, abs=1e-12)


@given(samples(), st.integers(2, 20))
def test_bands_hold_every_row_once_and_equal_scores_together(sample: Sample, bands: int) -> None:
    labels, scores = sample
    found = measure(labels, scores, bands)
    assert sum(band.rows for band in found.lift) == len(labels)
    assert sum(band.positives for band in found.lift) == labels.sum()
    for above, below in zip(found.lift, found.lift[1:], strict=False):
        assert above.score_low > below.score_high
        assert above.band < below.band
    for band in found.lift:
        inside = (scores >= band.score_low) & (scores <= band.score_high)
        assert band.rows == inside.sum()
        assert band.rate == pytest.approx(labels[inside].mean())
        assert band.lift == pytest.approx(labels[inside].mean() / labels.mean())
        above = scores >= band.score_low
        assert band.cumulative_rows == pytest.approx(above.mean())
        assert band.cumulative_positives == pytest.approx(labels[above].sum() / labels.sum())
        assert band.separation == pytest.approx(above[labels == 1].mean() - above[labels == 0].mean())
    assert found.lift[-1].cumulative_lift == pytest.approx(1)
    for given_, band in zip(found.calibration, reversed(found.lift), strict=True):
        inside = (scores >= band.score_low) & (scores <= band.score_high)
        assert given_.predicted == pytest.approx(scores[inside].mean())
        assert given_.observed_low <= given_.observed <= given_.observed_high


def test_bands_are_of_equal_size_without_ties() -> None:
    labels, scores, _ = realistic(1000)
    assert [band.rows for band in measure(labels, scores, 10).lift] == [100] * 10


def test_wilson_interval_is_the_published_one() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_intervals_agree_with_the_bootstrap() -> None:
    labels, scores, weaker = realistic(1500)
    random = np.random.default_rng(0)
    drawn = [random.integers(0, len(labels), len(labels)) for _ in range(300)]
    areas = np.array([[roc_auc_score(labels[i], s[i]) for s in (scores, weaker)] for i in drawn])
    found, better = measure(labels, scores, 10), gain(labels, scores, weaker)
    assert (found.auc_high - found.auc_low) / 2 == pytest.approx(1.96 * areas[:, 0].std(), rel=0.15)
    assert (better.high - better.low) / 2 == pytest.approx(1.96 * (areas[:, 0] - areas[:, 1]).std(), rel=0.15)
    assert better.auc == pytest.approx(roc_auc_score(labels, scores) - roc_auc_score(labels, weaker))


def test_one_row_of_a_class_has_no_interval() -> None:
    found = measure(np.array([0, 0, 1], dtype=np.int8), np.array([0.1, 0.2, 0.3]), 2)
    assert (found.auc, found.auc_low, found.auc_high) == (1.0, 0.0, 1.0)


@given(samples())
def test_curves_are_on_the_true_roc(sample: Sample) -> None:
    labels, scores = sample
    drawn = curves(labels, scores)
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    corners = {(round(float(x), 6), round(float(y), 6)) for x, y in zip(false, true, strict=True)}
    assert set(zip(drawn.false_positive_rate, drawn.true_positive_rate, strict=True)) == corners
    assert sum(drawn.positives) == labels.sum()
    assert sum(drawn.negatives) == len(labels) - labels.sum()


def test_a_long_roc_curve_is_thinned_and_keeps_its_area() -> None:
    labels, scores, _ = realistic(20_000)
    drawn = curves(labels, scores)
    assert len(drawn.false_positive_rate) <= 202
    area = np.trapezoid(drawn.true_positive_rate, drawn.false_positive_rate)
    assert area == pytest.approx(roc_auc_score(labels, scores), abs=2e-3)
    gap = np.max(np.array(drawn.true_positive_rate) - np.array(drawn.false_positive_rate))
    assert gap == pytest.approx(measure(labels, scores, 10).ks, abs=2e-6)


@pytest.mark.parametrize(
    ("labels", "scores", "code"),
    [
        ([1, 1, 1], [0.1, 0.2, 0.3], "CT-3016"),
        ([0, 0, 0], [0.1, 0.2, 0.3], "CT-3016"),
        ([0, 1, 1], [0.1, math.nan, 0.3], "CT-3028"),
        ([0, 1, 1], [0.1, math.inf, 0.3], "CT-3028"),
    ],
)
def test_what_cannot_be_measured_is_refused(labels: list[int], scores: list[float], code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        measure(np.array(labels, dtype=np.int8), np.array(scores), 10)
    assert caught.value.code == code


def record_of(labels: NDArray[np.int8], scores: NDArray[np.float64], bins: int, *, full: bool) -> Record:
    joint = measure(labels, scores, bins)
    better = gain(labels, scores, 1 - scores)
    drawn = curves(labels, scores) if full else None
    return Record(
        evaluation=Evaluation(
            model="m" * 64,
            frame="test",
            joint=joint,
            baseline=joint,
            auc_gain=better.auc,
            auc_gain_low=better.low,
            auc_gain_high=better.high,
            ks_gain=0.0,
        ),
        curves=drawn,
        baseline_curves=drawn,
    )


@given(samples(), st.integers(2, 100), st.booleans())
def test_a_record_comes_back_from_its_planned_length(sample: Sample, bins: int, full: bool) -> None:
    record = record_of(*sample, bins, full=full)
    size = packed_size(bins, baseline=True, curves=full)
    packed = pack(record, size)
    assert len(packed) == size
    assert unpack(packed, Record, "lender") == record


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_the_longest_numbers_fit_the_planned_length(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, 3000).astype(np.int8)
    scores = random.random(3000) ** random.integers(1, 100)
    for bins in (2, 10, 100):
        record = record_of(labels, scores, bins, full=True)
        assert len(pack(record, packed_size(bins, baseline=True, curves=True))) > 0


def test_a_record_longer_than_planned_is_not_sent() -> None:
    labels, scores, _ = realistic(100)
    with pytest.raises(CoterieError) as caught:
        pack(record_of(labels, scores, 10, full=True), 1000)
    assert caught.value.code == "CT-3032"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1] + b"x",
        lambda data: data.replace(b'"auc":', b'"auk":', 1),
        lambda data: data.replace(b'"brier":', b'"brier":1e999,"brier":', 1),
        lambda data: b" " * len(data),
        lambda data: b"\xff" * len(data),
        lambda data: data.replace(b'"rows":100', b'"rows":"a"', 1),
    ],
)
def test_a_damaged_record_is_refused(change: object) -> None:
    labels, scores, _ = realistic(100)
    packed = pack(record_of(labels, scores, 10, full=False), 40_000)
    assert callable(change)
    changed = change(packed)
    assert changed != packed
    with pytest.raises(CoterieError) as caught:
        unpack(changed, Record, "lender")
    assert caught.value.code == "CT-3031"


def test_curves_of_equal_scores_have_one_bin() -> None:
    drawn = curves(np.array([0, 1], dtype=np.int8), np.array([0.5, 0.5]))
    assert isinstance(drawn, Curves)
    assert (max(drawn.positives), max(drawn.negatives)) == (1, 1)
