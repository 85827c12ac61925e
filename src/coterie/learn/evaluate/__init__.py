"""How good a score is."""

from .component import Evaluate
from .params import EvaluateParams
from .record import Evaluation, Metrics

__all__ = ["Evaluate", "EvaluateParams", "Evaluation", "Metrics"]
