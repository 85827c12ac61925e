"""Error codes of boosted trees: 3090 to 3094."""

from coterie.errors import BadInput, define

CATEGORIES_UNFIT = define(
    "CT-3090",
    BadInput,
    "A column cannot be used as categories",
    "Group rare values, raise `max_categories`, or leave the column out.",
)
TEXT_UNNAMED = define(
    "CT-3091",
    BadInput,
    "A column of text is not named as categorical",
    "Name it as `party.column` under `categorical`, or leave the column out.",
)
NOT_BY_SUMS = define(
    "CT-3092",
    BadInput,
    "Trees over sums cannot do what a parameter asks",
    "Use engine `tee`; or make columns of categories with `onehot`, and stop early by the loss.",
)
