"""Columns against the label."""

from .component import CrosstabOf as Crosstab
from .params import CrosstabParams
from .record import Association, Associations, Cell, Crosstabs
from .record import Crosstab as CrosstabTable

__all__ = ["Association", "Associations", "Cell", "Crosstab", "CrosstabParams", "CrosstabTable", "Crosstabs"]
