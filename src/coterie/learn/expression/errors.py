"""Error codes of expressions."""

from coterie.errors import BadInput, define

EXPRESSION_INVALID = define(
    "CT-3116",
    BadInput,
    "An expression cannot be read",
    "Correct it at the named character; docs/components/derive.md lists what expressions may use.",
)
EXPRESSION_UNFIT = define(
    "CT-3117",
    BadInput,
    "An expression does not fit the values of its columns",
    "Correct it at the named character, or `cast` the columns to the type that it needs.",
)
