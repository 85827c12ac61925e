"""Missing values."""

from .clear import Filler
from .component import Fill
from .params import FillParams

__all__ = ["Fill", "FillParams", "Filler"]
