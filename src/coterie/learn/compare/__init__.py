"""What a model is worth beside another one."""

from .component import Compare
from .params import CompareParams
from .record import Comparison

__all__ = ["Compare", "CompareParams", "Comparison"]
