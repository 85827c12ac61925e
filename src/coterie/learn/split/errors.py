"""Error codes of splits."""

from coterie.errors import BadInput, define

NO_ORDER = define(
    "CT-3129",
    BadInput,
    "A column cannot order the rows by time",
    "Name a column of numbers or of ISO dates, and give `since` as such a value; `cast` other dates first.",
)
RANDOM_ALONE = define(
    "CT-3225",
    BadInput,
    "Hidden rows are split at random only",
    "Use `method: random`: by any column the parts would show of which rows it is.",
)
