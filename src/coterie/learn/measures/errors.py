"""Error codes of what is measured."""

from coterie.errors import BadInput, define

__all__ = ["TOO_FEW_TO_TELL"]

TOO_FEW_TO_TELL = define(
    "CT-3166",
    BadInput,
    "There are too few rows of a label value to tell others of measures",
    "Bring more rows, measure a larger frame, or agree on a smaller group; where one party has the label, on "
    "it as the only receiver.",
)
