"""Columns brought to a range."""

from .component import Minmax
from .params import MinmaxParams

__all__ = ["Minmax", "MinmaxParams"]
