"""Features of one scale."""

from .clear import Standardizer
from .component import Standardize
from .params import StandardizeParams

__all__ = ["Standardize", "StandardizeParams", "Standardizer"]
