"""Error codes of clusters: 3280 to 3284."""

from coterie.errors import BadInput, define

CENTRES_UNFIT = define(
    "CT-3280",
    BadInput,
    "Centres to start from do not fit the features",
    "Give each centre a number for every feature, in the order of the features.",
)
TOO_FEW_ROWS = define(
    "CT-3281",
    BadInput,
    "Too few rows for so many clusters",
    "Ask for fewer `clusters`, or bring more rows: in engine fl every party needs a smallest group.",
)
