"""Error codes of weights."""

from coterie.errors import BadInput, define

WEIGHTS_UNFIT = define(
    "CT-3127",
    BadInput,
    "Row weights are missing, negative, or all 0 for a label value",
    "Repair the column: weights are 0 or more, and some training row of each label value has one above 0.",
)
BASE_ELSEWHERE = define(
    "CT-3128",
    BadInput,
    "The weights to start from are not the label holder's",
    "Name a column of the label holder: nobody else may learn which rows have which label.",
)
