"""Whether the rows of one sample are like those of another."""

from .component import Stable
from .params import StabilityParams
from .record import FeatureStability, ScoreStability, Stability, StabilityBin

__all__ = [
    "FeatureStability",
    "ScoreStability",
    "Stability",
    "StabilityBin",
    "StabilityParams",
    "Stable",
]
