"""The documents of an evaluation."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from coterie.learn.documents import Document
from coterie.learn.measures import most_bytes, most_numbers

__all__ = [
    "CalibrationBand",
    "Curves",
    "CurvesDocument",
    "Evaluation",
    "LiftBand",
    "Metrics",
    "Point",
    "PooledEvaluation",
    "PooledRegression",
    "Record",
    "RegressionBand",
    "RegressionEvaluation",
    "RegressionMetrics",
    "RegressionRecord",
    "ScoreBin",
    "Segment",
    "Segmentation",
    "number_count",
    "packed_size",
]

BANDS = 100
SEGMENTS = 21
"""Of a column: 20, and all others."""
COLUMNS = 8
"""Most columns by whose values a score is measured apart."""
NAME = 48
"""Characters of a segment's name that are kept."""
RATES = (0.001, 0.005, 0.01, 0.05, 0.1, 0.2)
"""Of false positives."""

Step = Annotated[str, StringConstraints(max_length=64)]


class LiftBand(Document):
    """One band of rows of about equal number, the highest scores first."""

    band: int = Field(ge=1, le=BANDS)
    rows: int = Field(ge=1)
    positives: int = Field(ge=0)
    score_low: float
    score_high: float
    rate: float
    """Share of rows with label 1."""
    lift: float
    """That share over the share among all rows."""
    cumulative_rows: float
    """Share of all rows in this band and those before it."""
    cumulative_positives: float
    """The gain: share of all rows with 1 that are in this band and those before it."""
    cumulative_lift: float
    separation: float
    """Share of the rows with 1 less share of the rows with 0 up to here; its maximum is near the KS."""


class CalibrationBand(Document):
    """Predicted against observed share of label 1 in one band, the lowest scores first."""

    rows: int = Field(ge=1)
    predicted: float
    """Mean score."""
    observed: float
    observed_low: float
    """95 % Wilson interval."""
    observed_high: float


class Point(Document):
    """What a cut does: rows whose score is at least the threshold are taken for 1."""

    threshold: float
    rows: int = Field(ge=1)
    """Taken for 1."""
    precision: float
    """Share of them whose label is 1."""
    recall: float
    """Share of the rows with 1 that are among them."""
    false_positive_rate: float
    """Share of the rows with 0 that are among them."""
    f1: float


class RatePoint(Document):
    """The lowest cut whose rate of false positives is not above ``rate``."""

    rate: float
    point: Point | None
    """None where every cut has a higher rate."""


class ScoreBin(Document):
    """One bin of the score, the highest scores first, with what a cut at its lower end does."""

    bin: int = Field(ge=1, le=BANDS)
    rows: int = Field(ge=1)
    positives: int = Field(ge=0)
    rate: float
    score_low: float
    """Of its rows."""
    score_high: float
    lift: float
    precision: float
    recall: float
    false_positive_rate: float
    f1: float


class Metrics(Document):
    """The numbers of one score on one frame."""

    rows: int = Field(ge=2)
    positives: int = Field(ge=1)
    negatives: int = Field(ge=1)
    positive_rate: float
    auc: float
    auc_low: float
    """95 % interval [DeLong et al. 1988]."""
    auc_high: float
    gini: float
    """2 AUC - 1."""
    ks: float
    ks_threshold: float
    """Where the KS distance is reached; a score equal to it counts as high."""
    log_loss: float
    """Nats."""
    brier: float
    calibration_error: float
    """Mean distance between predicted and observed share over the bands, weighted by rows."""
    best_f1: Point
    """The cut with the highest F1."""
    at_threshold: Point | None
    """The cut at the threshold of the parameters; None where no score reaches it. In what others are told,
    the lowest cut at or above it that they may be told."""
    at_rates: Annotated[tuple[RatePoint, ...], Field(max_length=len(RATES))]
    lift: tuple[LiftBand, ...] = Field(min_length=1, max_length=BANDS)
    calibration: tuple[CalibrationBand, ...] = Field(min_length=1, max_length=BANDS)
    equal_frequency: tuple[ScoreBin, ...] = Field(min_length=1, max_length=BANDS)
    """Bins of about equally many rows."""
    equal_range: tuple[ScoreBin, ...] = Field(min_length=1, max_length=BANDS)
    """Bins of equal length between the lowest and the highest score; those without rows are left out."""


class Segment(Document):
    """The rows that have one value of a column, or one of several."""

    name: Annotated[str, StringConstraints(max_length=NAME)]
    """The value; a range of numbers; "missing", or "other" for those that are too few to stand alone."""
    rows: int = Field(ge=1)
    positives: int = Field(ge=0)
    rate: float
    predicted: float
    """Mean score."""
    auc: float | None
    """None where all rows have the same label."""
    auc_low: float | None
    auc_high: float | None
    ks: float | None


class Segmentation(Document):
    """The score apart by values of a column of the label holder."""

    column: Annotated[str, StringConstraints(max_length=192)]
    """As ``party.column``."""
    segments: tuple[Segment, ...] = Field(min_length=1, max_length=SEGMENTS)
    """The most rows first, "other" last."""


class Evaluation(Document):
    """The content of metrics.json for a model of a label that is 0 or 1."""

    version: Literal[1] = 1
    task: Literal["classification"] = "classification"
    model: Step
    """Name of the step that trained it."""
    frame: Step
    guarded: bool = False
    """Whether every group of rows in it has at least ``min_group`` rows of either label: the form for others
    than the label holder."""
    joint: Metrics
    """Of the model."""
    baseline: Metrics | None = None
    """Of a model that the label holder trained on its own columns alone; None where there is none."""
    auc_gain: float | None = None
    """AUC of the model less AUC of the baseline, on the same rows."""
    auc_gain_low: float | None = None
    """95 % interval, paired [DeLong et al. 1988]."""
    auc_gain_high: float | None = None
    auc_gain_p: float | None = None
    """Of no difference."""
    ks_gain: float | None = None
    segments: tuple[Segmentation, ...] = Field((), max_length=COLUMNS)


class PooledEvaluation(Evaluation):
    """The same of a horizontal frame: scores are those of all parties' rows, and nobody has them all."""

    score_bins: int = Field(ge=2)
    """In so many bins of equal width in log-odds scores are counted: those of one bin tie."""
    auc_error: float
    """How far the AUC can be from that of the scores themselves, at most."""
    ks_error: float
    """How far KS can be below that of the scores themselves, at most; it is never above."""


class RegressionBand(Document):
    """One band of rows of about equal number, the highest scores first."""

    band: int = Field(ge=1, le=BANDS)
    rows: int = Field(ge=1)
    predicted: float
    """Mean score."""
    observed: float
    """Mean label."""
    score_low: float
    score_high: float


class RegressionMetrics(Document):
    """The numbers of one score of a label that is a number."""

    rows: int = Field(ge=2)
    mean: float
    """Of the label."""
    predicted_mean: float
    mse: float
    rmse: float
    mae: float
    r2: float | None
    """None where all labels are equal."""
    mape: float | None
    """Mean of |label - score| / |label|; None where a label is 0."""
    variance_power: float | None
    """Of the deviance: 0 normal, 1 Poisson, 2 gamma, between them Tweedie; None for a model without one."""
    deviance: float | None
    """Mean unit deviance; None where labels or scores are outside the family's range."""
    deviance_explained: float | None
    """1 less the deviance over that of the constant mean."""
    bands: tuple[RegressionBand, ...] = Field(min_length=1, max_length=BANDS)


class RegressionEvaluation(Document):
    """The content of metrics.json for a model of a label that is a number."""

    version: Literal[1] = 1
    task: Literal["regression"] = "regression"
    model: Step
    frame: Step
    guarded: bool = False
    joint: RegressionMetrics
    baseline: RegressionMetrics | None = None
    rmse_gain: float | None = None
    """RMSE of the baseline less RMSE of the model: positive where the model is better."""


class PooledRegression(RegressionEvaluation):
    """The same of a horizontal frame: scores are those of all parties' rows, and nobody has them all."""

    score_bins: int = Field(ge=2)
    """In so many bins of equal width scores are counted: bands are made of whole bins."""


class Curves(Document):
    """What the plots show of one score, beyond its numbers."""

    false_positive_rate: tuple[float, ...] = Field(min_length=2, max_length=202)
    true_positive_rate: tuple[float, ...] = Field(min_length=2, max_length=202)
    log_odds_edges: tuple[float, ...] = Field(min_length=2, max_length=41)
    """Ascending. In what others than the label holder are told, bins are of different lengths."""
    positives: tuple[int, ...] = Field(min_length=1, max_length=40)
    """Rows with label 1 in each bin."""
    negatives: tuple[int, ...] = Field(min_length=1, max_length=40)


class CurvesDocument(Document):
    """The finding of kind "report": for plots only, without a file of its own."""

    version: Literal[1] = 1
    model: Step
    frame: Step
    guarded: bool = False
    joint: Curves
    baseline: Curves | None = None


class Record(Document):
    """What the label holder sends to a receiver: the numbers, and the curves where it may have the report."""

    evaluation: Evaluation
    curves: Curves | None = None
    baseline_curves: Curves | None = None

    def numbers_only(self) -> Record:
        """The record for a receiver that may have the metrics and not the report."""
        return Record(evaluation=self.evaluation)

    @property
    def drawn(self) -> CurvesDocument | None:
        """The curves as a finding."""
        if self.curves is None:
            return None
        told = self.evaluation
        return CurvesDocument(
            model=told.model,
            frame=told.frame,
            guarded=told.guarded,
            joint=self.curves,
            baseline=self.baseline_curves,
        )


class RegressionRecord(Document):
    """The same for a label that is a number: it has no curves."""

    evaluation: RegressionEvaluation


Kind: TypeAlias = type[Record] | type[RegressionRecord]


def _lengths(bins: int, segments: int, *, baseline: bool, curves: bool) -> dict[str, int]:
    """Of the tuples, as parameters bound them."""
    bands = ("Metrics.lift", "Metrics.calibration", "Metrics.equal_frequency", "Metrics.equal_range")
    return {
        **dict.fromkeys((*bands, "RegressionMetrics.bands"), bins),
        "Evaluation.segments": segments,
        "Evaluation.baseline": int(baseline),
        "RegressionEvaluation.baseline": int(baseline),
        "Record.curves": int(curves),
        "Record.baseline_curves": int(curves and baseline),
    }


def packed_size(bins: int, *, baseline: bool, curves: bool, segments: int = 0, kind: Kind = Record) -> int:
    """Bytes of every record of these parameters, whatever its numbers are.

    :param segments: columns by whose values the score is measured apart.
    """
    return most_bytes(kind, _lengths(bins, segments, baseline=baseline, curves=curves))


def number_count(bins: int, *, baseline: bool, curves: bool, segments: int = 0, kind: Kind = Record) -> int:
    """At most how many numbers a record has."""
    return most_numbers(kind, _lengths(bins, segments, baseline=baseline, curves=curves))
