"""Columns kept within limits."""

from .component import Clip
from .params import ClipParams, Limits

__all__ = ["Clip", "ClipParams", "Limits"]
