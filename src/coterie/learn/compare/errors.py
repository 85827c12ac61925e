"""Error codes of ``compare``."""

from coterie.errors import BadInput, define

__all__ = ["EXPOSURE_UNFIT", "NOTHING_AGAINST"]

NOTHING_AGAINST = define(
    "CT-3168",
    BadInput,
    "There is no model to compare with",
    "Name the step of another model with `against`, or let the label holder bring features of its own.",
)
EXPOSURE_UNFIT = define(
    "CT-3169",
    BadInput,
    "The exposure is not a number above or equal to 0 in every row",
    "Repair the column, or give `amount` in its place.",
)
