"""Error codes of naive Bayes: 3285 to 3289."""

from coterie.errors import BadInput, define

NOT_CATEGORIES = define(
    "CT-3285",
    BadInput,
    "A column of decimal numbers has no categories",
    "Leave it a number, or put a `cast` to `int` or `category` before this step.",
)
TOO_FEW_OF_LABEL = define(
    "CT-3286",
    BadInput,
    "Fewer rows with one of the labels than the smallest group",
    "Bring more rows of the rarer label, or agree on smaller groups.",
)
NO_VARIANCE = define(
    "CT-3287",
    BadInput,
    "A number does not vary among the rows of a label",
    "Leave the column out, or raise `smoothing`.",
)
