"""Error codes of casts."""

from coterie.errors import BadInput, define

NOT_CASTABLE = define(
    "CT-3119",
    BadInput,
    "Values cannot be read in the type asked for",
    "Mend the values, choose another type or date format, or set `invalid: missing`.",
)
