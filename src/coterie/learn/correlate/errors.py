"""Error codes of correlations: 3137 to 3139."""

from coterie.errors import BadInput, define

TOO_FEW_COLUMNS = define(
    "CT-3137",
    BadInput,
    "Correlations need two columns or more",
    "Name more columns, or leave the step out.",
)
FEW_DIFFER = define(
    "CT-3138",
    BadInput,
    "All but a few rows of a column have the same value",
    "Leave the column out, or merge its rare values: its correlations would tell of single rows.",
)
TOO_FEW_ROWS = define(
    "CT-3139",
    BadInput,
    "There are no more rows than columns",
    "Name fewer columns, or bring more rows: every column could be made of the others.",
)
