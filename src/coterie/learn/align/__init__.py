"""Common rows."""

from .component import Align
from .params import AlignParams

__all__ = ["Align", "AlignParams"]
