"""Common rows."""

from .component import Align
from .errors import TOO_FEW_HIDDEN
from .hidden import CLIP, FRAC, bin_keys, prepared, units
from .params import AlignParams
from .to_none import fewest_to_divide, need_means, need_numbers, own_labels, own_prepared

__all__ = [
    "CLIP",
    "FRAC",
    "TOO_FEW_HIDDEN",
    "Align",
    "AlignParams",
    "bin_keys",
    "fewest_to_divide",
    "need_means",
    "need_numbers",
    "own_labels",
    "own_prepared",
    "prepared",
    "units",
]
