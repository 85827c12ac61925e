"""Missing values."""

from .clear import Filler
from .component import Fill
from .params import FillChoice, FillParams

__all__ = ["Fill", "FillChoice", "FillParams", "Filler"]
