"""Error codes of derived columns."""

from coterie.errors import BadInput, define

RESULT_MISSING = define(
    "CT-3118",
    BadInput,
    "An expression has no result for rows that have all of its columns",
    "Guard the division or the logarithm with `where`, or set `undefined: missing`.",
)
