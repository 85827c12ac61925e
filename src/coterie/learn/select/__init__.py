"""The choice of features."""

from coterie.learn.select.component import Select
from coterie.learn.select.params import SelectParams
from coterie.learn.select.record import Feature, Selection

__all__ = ["Feature", "Select", "SelectParams", "Selection"]
