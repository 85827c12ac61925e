"""Rows that fulfil a condition."""

from .component import Filter
from .params import FilterParams

__all__ = ["Filter", "FilterParams"]
