"""Error codes of categories."""

from coterie.errors import BadInput, PeerMisbehaved, define

NOT_CATEGORICAL = define(
    "CT-3121",
    BadInput,
    "A column of decimal numbers has no categories",
    "Put a `cast` to `int` or `category` before this step, or leave the column a number.",
)
ONE_GROUP = define(
    "CT-3122",
    BadInput,
    "A column has fewer than two groups of categories that are large enough",
    "Leave the column out, group its categories beforehand, or agree on smaller groups.",
)
COUNT_INVALID = define(
    "CT-3123",
    PeerMisbehaved,
    "A number of columns is not one that the plan allows",
    "Ask the named party's operator; its version or its node is not sound.",
)
