"""How good a score is."""

from .baseline import baseline_scores, has_baseline
from .component import Evaluate
from .hidden_step import HiddenCell, HiddenEvaluation
from .own import check_own, own_column
from .params import EvaluateParams
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

__all__ = [
    "CalibrationBand",
    "Curves",
    "CurvesDocument",
    "Evaluate",
    "EvaluateParams",
    "Evaluation",
    "HiddenCell",
    "HiddenEvaluation",
    "LiftBand",
    "Metrics",
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
    "baseline_scores",
    "check_own",
    "has_baseline",
    "own_column",
]
