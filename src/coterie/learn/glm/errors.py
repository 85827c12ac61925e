"""Error codes of generalised linear models: 3060 to 3069."""

from coterie.errors import BadInput, NotAgreed, define

COLUMN_APART = define(
    "CT-3060",
    BadInput,
    "A column of offsets or weights is not in the job",
    "Name it as `party.column`, among that party's columns of the job.",
)
LABEL_UNFIT = define(
    "CT-3061",
    BadInput,
    "The label does not fit the family",
    "Choose a family whose labels these can be: see the component's page.",
)
WEIGHTS_UNFIT = define(
    "CT-3062",
    BadInput,
    "Row weights cannot be used",
    "Give weights that are not negative, not all zero, and not above 256 times their mean.",
)
OFFSET_UNFIT = define(
    "CT-3063",
    BadInput,
    "Offsets cannot be used",
    "Give offsets on the scale of the linear predictor, such as logarithms, not far from their mean.",
)
OFFSET_ELSEWHERE = define(
    "CT-3064",
    BadInput,
    "The linear family takes an offset of the label holder only",
    "Let the label holder subtract it from the label, or use another family.",
)
NO_RECEIVER = define(
    "CT-3065",
    NotAgreed,
    "Nobody may receive what the step is asked for",
    "Agree on receivers of this kind of result, or leave the parameter out.",
)
