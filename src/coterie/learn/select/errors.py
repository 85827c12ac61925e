"""Error codes of the choice of features: 3145 to 3154."""

from coterie.errors import BadInput, NotAgreed, define

NOT_GRANTED = define(
    "CT-3145",
    NotAgreed,
    "The label holder may not see what features are to be chosen by",
    "Agree on the label holder as a receiver of this kind of result, or leave the criterion out.",
)
NOTHING_LEFT = define(
    "CT-3146",
    BadInput,
    "No feature meets the criteria",
    "Loosen a criterion, or name features under `keep`.",
)
IV_MISSING = define(
    "CT-3147",
    BadInput,
    "A feature has no information value",
    "Put a `bin` step before, with this column, or name the column under `keep` or `drop`.",
)
