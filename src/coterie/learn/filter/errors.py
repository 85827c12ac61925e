"""Error codes of conditions on rows."""

from coterie.errors import BadInput, define

FEW_TOLD = define(
    "CT-3300",
    BadInput,
    "Fewer rows of a party than the smallest group would go, or would stay",
    "Choose another condition, or have the party leave the rows out of its dataset: all are told how many "
    "stay.",
)
NO_CONDITION = define(
    "CT-3126",
    BadInput,
    "The expression is no condition",
    "Write one that is true or false, such as a comparison.",
)
