"""What a party of a horizontal frame is told of its own rows: the joint model beside its own one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from coterie.learn.documents import Document

from .record import Metrics, RegressionMetrics, Step

__all__ = ["ClassMeasures", "NumberMeasures", "OwnRowsEvaluation"]

Reason = Annotated[str, StringConstraints(pattern=r"^(few|one|CT-[0-9]{4})?$")]


class ClassMeasures(Document):
    """Of a score of a label that is 0 or 1."""

    auc: float
    auc_low: float
    """95 % interval [DeLong et al. 1988]."""
    auc_high: float
    ks: float
    gini: float
    log_loss: float
    brier: float
    calibration_error: float

    @classmethod
    def of(cls, metrics: Metrics) -> ClassMeasures:
        """Without the tables."""
        return cls(**{name: getattr(metrics, name) for name in cls.model_fields})


class NumberMeasures(Document):
    """Of a score of a label that is a number."""

    rmse: float
    mae: float
    r2: float | None
    deviance: float | None
    deviance_explained: float | None

    @classmethod
    def of(cls, metrics: RegressionMetrics) -> NumberMeasures:
        """Without the bands."""
        return cls(**{name: getattr(metrics, name) for name in cls.model_fields})


class OwnRowsEvaluation(Document):
    """The content of own.json, of one party and for it alone."""

    version: Literal[1] = 1
    about: Literal["own rows"] = "own rows"
    model: Step
    frame: Step
    party: Step
    training_rows: int = Field(ge=0)
    """The party's own."""
    rows: int = Field(ge=0)
    """The party's own of the frame."""
    all_rows: int = Field(ge=0)
    positives: int | None = None
    """Of them; None of labels that are numbers."""
    unmeasured: Reason = ""
    """Why nothing is measured on the own rows: there are too few, or only those of one label."""
    untrained: Reason = ""
    """Why there is no own model: too few rows, one label, or the code of what its training refused."""
    joint: ClassMeasures | NumberMeasures | None = None
    """Of the joint model on the own rows."""
    own: ClassMeasures | NumberMeasures | None = None
    """Of the own model on the own rows."""
    everywhere: ClassMeasures | NumberMeasures
    """Of the joint model on all parties' rows."""
    auc_gain: float | None = None
    """AUC of the joint model less that of the own one, on the own rows."""
    auc_gain_low: float | None = None
    """95 % interval, paired [DeLong et al. 1988]."""
    auc_gain_high: float | None = None
    auc_gain_p: float | None = None
    """Of no difference."""
    error_gain: float | None = None
    """Of labels that are numbers: mean squared error of the own model less that of the joint one."""
    error_gain_low: float | None = None
    """95 % interval, of the paired differences."""
    error_gain_high: float | None = None
