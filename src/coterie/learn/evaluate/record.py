"""The documents of an evaluation, and their one form on the wire: JSON, padded to a planned length."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coterie.learn.documents import Document as _Document

__all__ = [
    "CalibrationBand",
    "Curves",
    "Evaluation",
    "LiftBand",
    "Metrics",
    "number_count",
    "packed_size",
]


class LiftBand(_Document):
    """One band of rows of about equal number, the highest scores first."""

    band: int = Field(ge=1)
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
    """Share of all rows with 1 that are in this band and those before it."""
    cumulative_lift: float
    separation: float
    """Share of the rows with 1 less share of the rows with 0 up to here; its maximum is near the KS."""


class CalibrationBand(_Document):
    """Predicted against observed share of label 1 in one band, the lowest scores first."""

    rows: int = Field(ge=1)
    predicted: float
    """Mean score."""
    observed: float
    observed_low: float
    """95 % Wilson interval."""
    observed_high: float


class Metrics(_Document):
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
    lift: tuple[LiftBand, ...] = Field(min_length=1, max_length=100)
    calibration: tuple[CalibrationBand, ...] = Field(min_length=1, max_length=100)


class Evaluation(_Document):
    """The content of metrics.json."""

    version: Literal[1] = 1
    model: str = Field(max_length=64)
    """Name of the step that trained it."""
    frame: str = Field(max_length=64)
    joint: Metrics
    """Of the model."""
    baseline: Metrics | None = None
    """Of a model that the label holder trained on its own columns alone; None where there is none."""
    auc_gain: float | None = None
    """AUC of the model less AUC of the baseline, on the same rows."""
    auc_gain_low: float | None = None
    """95 % interval, paired [DeLong et al. 1988]."""
    auc_gain_high: float | None = None
    ks_gain: float | None = None


class Curves(_Document):
    """What the plots show of one score, beyond its numbers."""

    false_positive_rate: tuple[float, ...] = Field(min_length=2, max_length=202)
    true_positive_rate: tuple[float, ...] = Field(min_length=2, max_length=202)
    log_odds_edges: tuple[float, ...] = Field(min_length=2, max_length=41)
    positives: tuple[int, ...] = Field(min_length=1, max_length=40)
    """Rows with label 1 in each bin."""
    negatives: tuple[int, ...] = Field(min_length=1, max_length=40)


class Record(_Document):
    """What the label holder sends to a receiver: the numbers, and the curves where it may have the report."""

    evaluation: Evaluation
    curves: Curves | None = None
    baseline_curves: Curves | None = None

    def numbers_only(self) -> Record:
        """The record for a receiver that may have the metrics and not the report."""
        return Record(evaluation=self.evaluation)


def packed_size(bins: int, *, baseline: bool, curves: bool) -> int:
    """Bytes of every record of these parameters, whatever its numbers are.

    A number is at most 25 characters long in JSON. A band of the two tables has 16 of them and 200 characters
    of names; a model has 16 more; its curves have 404 of at most 9 characters, 41 of 9 and 80 of 16.
    """
    models = 2 if baseline else 1
    return 1024 + models * (1024 + 768 * bins + (8192 if curves else 0))


def number_count(bins: int, *, baseline: bool, curves: bool) -> int:
    """At most how many numbers a record has."""
    one = 13 + bins * (len(LiftBand.model_fields) + len(CalibrationBand.model_fields))
    one += 2 * 202 + 41 + 2 * 40 if curves else 0
    return 2 * one + 4 if baseline else one
