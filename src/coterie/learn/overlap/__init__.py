"""How many rows parties have in common, and nothing else of them."""

from .component import Overlap
from .params import OverlapParams
from .record import OverlapCount

__all__ = ["Overlap", "OverlapCount", "OverlapParams"]
