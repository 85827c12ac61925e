"""What a model is worth beside another one."""

from .component import Compare
from .params import CompareParams
from .record import Comparison, Difference, Exchange, Outcome, SwapCell, SwapSet

__all__ = [
    "Compare",
    "CompareParams",
    "Comparison",
    "Difference",
    "Exchange",
    "Outcome",
    "SwapCell",
    "SwapSet",
]
