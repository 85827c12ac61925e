"""How good a score is."""

from .baseline import baseline_scores, has_baseline
from .component import Evaluate
from .hidden_step import HiddenCell, HiddenEvaluation
from .own import check_own, own_column
from .own_record import ClassMeasures, NumberMeasures, OwnRowsEvaluation
from .params import EvaluateParams
from .pooled import histogram, tally_of
from .record import (
    CalibrationBand,
    Curves,
    CurvesDocument,
    Evaluation,
    LiftBand,
    Metrics,
    Point,
    PooledEvaluation,
    PooledRegression,
    RatePoint,
    RegressionBand,
    RegressionEvaluation,
    RegressionMetrics,
    ScoreBin,
    Segment,
    Segmentation,
)
from .regression import power_of, unit_deviances
from .several_record import SeveralEvaluation

__all__ = [
    "CalibrationBand",
    "ClassMeasures",
    "Curves",
    "CurvesDocument",
    "Evaluate",
    "EvaluateParams",
    "Evaluation",
    "HiddenCell",
    "HiddenEvaluation",
    "LiftBand",
    "Metrics",
    "NumberMeasures",
    "OwnRowsEvaluation",
    "Point",
    "PooledEvaluation",
    "PooledRegression",
    "RatePoint",
    "RegressionBand",
    "RegressionEvaluation",
    "RegressionMetrics",
    "ScoreBin",
    "Segment",
    "Segmentation",
    "SeveralEvaluation",
    "baseline_scores",
    "check_own",
    "has_baseline",
    "histogram",
    "own_column",
    "power_of",
    "tally_of",
    "unit_deviances",
]
