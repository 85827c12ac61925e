"""Common rows."""

from .component import Align
from .hidden import CLIP, FRAC, prepared, units
from .params import AlignParams
from .to_none import need_means, need_numbers

__all__ = ["CLIP", "FRAC", "Align", "AlignParams", "need_means", "need_numbers", "prepared", "units"]
