"""Error codes of filling."""

from coterie.errors import BadInput, define

CATEGORY_TAKEN = define(
    "CT-3124",
    BadInput,
    "The category for missing values is a value of the column already",
    "Choose another `text_value` for it.",
)
