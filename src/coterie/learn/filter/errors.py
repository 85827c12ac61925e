"""Error codes of conditions on rows."""

from coterie.errors import BadInput, define

NO_CONDITION = define(
    "CT-3126",
    BadInput,
    "The expression is no condition",
    "Write one that is true or false, such as a comparison.",
)
