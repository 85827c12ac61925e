"""Error codes of secure computation: 21xx."""

from coterie.errors import BadInput, Bug, NotAgreed, PeerIncompatible, PeerMisbehaved, Unavailable, define

OVERFLOW = define(
    "CT-2101",
    BadInput,
    "Values could overflow the ring",
    "Use fewer rows, smaller bounds, fewer passes, or fewer fractional bits: `fn.rounded`, or a bound that "
    "`fn.bounded` promises.",
)
OUT_OF_BOUND = define(
    "CT-2102",
    BadInput,
    "An input lies outside its declared bound",
    "Put a step before this one that bounds the columns, such as `standardize` with clipping; in a program "
    "declare a wider bound.",
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
    "CT-2106",
    Bug,
    "A secure program is not well formed",
    "Correct the program at the line that is named; if it is a component's, report it with its parameters.",
)
INPUT_MISSING = define(
    "CT-2107",
    Bug,
    "A secure program lacks an input or got one of another form",
    "Give each input under its name and with its shape; if the program is a component's, report it.",
)
OUT_OF_RANGE = define(
    "CT-2108",
    BadInput,
    "A value left the range in which a function is evaluated",
    "Allow a larger range (`max_logit`; in a program the bound that it promised), regularise more, or drop "
    "what separates the classes.",
)
BAD_ROLES = define(
    "CT-2109",
    NotAgreed,
    "These parties cannot compute together",
    "Name two to five compute parties and a dealer that is none of them; whoever else gives inputs or gets "
    "results is a guest.",
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
SHAPES = define(
    "CT-2112",
    BadInput,
    "Arrays do not fit together",
    "Compare the shapes that the message names with NumPy's rules; reshape or broadcast one of them.",
)
RANGE_NEEDED = define(
    "CT-2113",
    BadInput,
    "A function needs a narrower range than is known of its argument",
    "Say it: `bounded(x, (low, high))`, or the function's own low= and high=. The run checks it.",
)
STORAGE_LOST = define(
    "CT-2114",
    Unavailable,
    "What a run has put on its own disk cannot be read again",
    "See to the disk that holds the job's folder, then start the job again.",
)
NO_PERMUTATION = define(
    "CT-2115",
    BadInput,
    "Places that are no permutation",
    "Give each whole number from 0 to the length less one exactly once.",
)
PERMUTATION_SENT = define(
    "CT-2116",
    PeerMisbehaved,
    "A peer sent places that are no permutation",
    "Nothing was revealed. Compare versions; then ask the peer.",
)
TAPE_UNREADABLE = define(
    "CT-2140", BadInput, "Not a tape file", "Take the file that the dealer wrote, made by a version as yours."
)
TAPE_ALTERED = define(
    "CT-2141",
    BadInput,
    "A tape file was altered",
    "Do not use it. Get the file again from the dealer; if it stays wrong, have the stage dealt again.",
)
TAPE_CUT = define(
    "CT-2142", BadInput, "A tape file is not whole", "Copy the file again from where the dealer wrote it."
)
TAPE_SHORT = define(
    "CT-2143",
    PeerMisbehaved,
    "A tape file holds fewer correlations than its tape asks for",
    "Have the stage dealt again from the plan that `coterie job plan` writes; compare the dealer's version.",
)
TAPE_OTHER = define(
    "CT-2144",
    BadInput,
    "A tape file is for another job or plan",
    "Add the file that was dealt for this job and stage: `coterie tape list` shows what each is for.",
)
TAPE_OF_ANOTHER = define(
    "CT-2145",
    BadInput,
    "A tape file is for another party",
    "Each party adds its own file; hand this one over to the party that it names.",
)
TAPE_DEALER = define(
    "CT-2146",
    NotAgreed,
    "A tape file is not signed by the agreement's dealer",
    "Use files of the dealer that the agreement names; its key is pinned with `coterie peer`.",
)
TAPE_USED = define(
    "CT-2147",
    NotAgreed,
    "A tape file was used before",
    "No mask serves twice. Submit the job anew and have its stages dealt anew.",
)
DEALINGS_DIFFER = define(
    "CT-2148",
    PeerIncompatible,
    "The parties' tape files are not of one dealing",
    "All add the files that one run of `coterie dealer deal` wrote; compare serials by `coterie tape list`.",
)
TAPE_THERE = define(
    "CT-2149",
    BadInput,
    "A tape file of this stage is there already",
    "Hand these files out, or have all parties give theirs up, delete them and deal again: files of two "
    "dealings do not go together.",
)
