"""What components of engine fl share beside the sums themselves."""

from coterie.learn.pooled.agreed import AGREED, all_equal, need_equal
from coterie.learn.pooled.beside import enough_beside
from coterie.learn.pooled.columns import column_quantiles, is_text, present_numbers
from coterie.learn.pooled.errors import FL_UNFIT, NOT_EQUAL, TOO_FEW_BESIDE
from coterie.learn.pooled.guarded import counted_texts, counted_values
from coterie.learn.pooled.moments import Moments, alone, complete_values, moment_totals, pooled_moments
from coterie.learn.pooled.quantiles import (
    Grouped,
    Quantiles,
    group_values,
    grouped_values,
    quantile_totals,
    quantiles,
)
from coterie.learn.pooled.texts import frequent_texts, text_totals
from coterie.learn.pooled.wide import DIGITS, WHOLE, Adding, wide_total

__all__ = [
    "AGREED",
    "DIGITS",
    "FL_UNFIT",
    "NOT_EQUAL",
    "TOO_FEW_BESIDE",
    "WHOLE",
    "Adding",
    "Grouped",
    "Moments",
    "Quantiles",
    "all_equal",
    "alone",
    "column_quantiles",
    "complete_values",
    "counted_texts",
    "counted_values",
    "enough_beside",
    "frequent_texts",
    "group_values",
    "grouped_values",
    "is_text",
    "moment_totals",
    "need_equal",
    "pooled_moments",
    "present_numbers",
    "quantile_totals",
    "quantiles",
    "text_totals",
    "wide_total",
]
