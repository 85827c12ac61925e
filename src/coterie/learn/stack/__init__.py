"""Rows of all parties with the same columns."""

from .component import Stack
from .params import StackParams

__all__ = ["Stack", "StackParams"]
