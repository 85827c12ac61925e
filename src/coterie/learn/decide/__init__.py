"""From scores to decisions."""

from .component import Decide
from .params import DecideParams
from .record import Band, Decided, Target, Zone

__all__ = ["Band", "Decide", "DecideParams", "Decided", "Target", "Zone"]
