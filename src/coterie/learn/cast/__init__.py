"""Columns of another type."""

from .component import Cast
from .params import CastParams, DateCast

__all__ = ["Cast", "CastParams", "DateCast"]
