"""What components of engine fl share beside the sums themselves."""

from coterie.learn.pooled.agreed import AGREED, need_equal
from coterie.learn.pooled.beside import enough_beside
from coterie.learn.pooled.columns import column_quantiles, is_text, present_numbers
from coterie.learn.pooled.errors import FL_UNFIT, TOO_FEW_BESIDE
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
    "TOO_FEW_BESIDE",
    "WHOLE",
    "Adding",
    "Grouped",
    "Quantiles",
    "column_quantiles",
    "enough_beside",
    "frequent_texts",
    "group_values",
    "grouped_values",
    "is_text",
    "need_equal",
    "present_numbers",
    "quantile_totals",
    "quantiles",
    "text_totals",
    "wide_total",
]
