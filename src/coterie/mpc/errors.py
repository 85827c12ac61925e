"""Error codes of secure computation: 21xx."""

from coterie.errors import BadInput, Bug, NotAgreed, PeerIncompatible, define

OVERFLOW = define(
    "CT-2101",
    BadInput,
    "Values could overflow the ring",
    "Use fewer rows, smaller bounds, fewer passes, or fewer fractional bits.",
)
OUT_OF_BOUND = define(
    "CT-2102",
    BadInput,
    "An input lies outside its declared bound",
    "Put a step before this one that bounds the columns, such as `standardize` with clipping.",
)
NOT_FINITE = define(
    "CT-2103", BadInput, "An input holds NaN or infinity", "Fill or drop missing values before this step."
)
DIVERGED = define(
    "CT-2104",
    PeerIncompatible,
    "The program differs from its tape",
    "Compare versions and parameters of all parties; the operation named is the first that differs.",
)
TAPES_DIFFER = define(
    "CT-2105",
    PeerIncompatible,
    "A peer follows another tape",
    "Compare the plans: version, parameters, row counts.",
)
BAD_PROGRAM = define(
    "CT-2106", Bug, "A secure program is not well formed", "Report it with the component and its parameters."
)
INPUT_MISSING = define(
    "CT-2107",
    Bug,
    "A secure program lacks an input or got one of another form",
    "Report it with the component.",
)
OUT_OF_RANGE = define(
    "CT-2108",
    BadInput,
    "A value left the range in which a function is evaluated",
    "Allow a larger range (`logistic`: max_logit), regularise more, or drop what separates the classes.",
)
BAD_ROLES = define(
    "CT-2109",
    NotAgreed,
    "These parties cannot compute together",
    "Name at least two compute parties and a dealer that is none of them.",
)
UNPLANNED_REVEAL = define(
    "CT-2110",
    PeerIncompatible,
    "A program would reveal what its tape does not name",
    "Nothing was revealed. Compare the versions of all parties and report it.",
)
STREAM_REUSED = define(
    "CT-2111", Bug, "A piece of a random stream would be used twice", "Nothing more was sent. Report it."
)
