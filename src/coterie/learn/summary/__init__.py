"""Means and deviations of hidden rows."""

from .component import Summary
from .params import SummaryParams
from .record import ColumnSummary, RowsSummary

__all__ = ["ColumnSummary", "RowsSummary", "Summary", "SummaryParams"]
