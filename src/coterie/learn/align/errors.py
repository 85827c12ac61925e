"""Error codes of ``align``: 3220 to 3229; of hidden rows 3213 to 3215 and 3219."""

from coterie.errors import BadInput, NotAgreed, PeerMisbehaved, define

__all__ = [
    "COUNTS_INVALID",
    "LEFT_UNKNOWN",
    "LIST_GRANTED",
    "NOT_NUMBERS",
    "NUMBER_TOO_OPEN",
    "ROWS_TOO_FEW",
    "ROWS_UNBOUNDED",
    "TOO_FEW_HIDDEN",
    "TOO_MANY_ROWS",
]

TOO_FEW_HIDDEN = define(
    "CT-3213",
    NotAgreed,
    "Fewer rows are common than the agreement asks for, and nobody was told how many",
    "Use datasets that have more rows in common.",
)
LIST_GRANTED = define(
    "CT-3214",
    NotAgreed,
    "A party may receive the list of common ids, and in this job nobody shall know them",
    "Align with `membership: known`, or agree on terms without `common_ids`.",
)
NOT_NUMBERS = define(
    "CT-3215",
    BadInput,
    "Columns of texts cannot be shared",
    "Leave these columns out, or make numbers of them in the dataset.",
)

NUMBER_TOO_OPEN = define(
    "CT-3219",
    BadInput,
    "The number of common rows is known too little to divide by it on shares",
    "Agree on a larger `min_rows`: a 32768th of the smaller dataset's rows is enough.",
)
LEFT_UNKNOWN = define(
    "CT-3220",
    BadInput,
    "The party whose rows shall all stay has no data in the job",
    "Name one of the job's parties with a dataset as `left`, or none for the label holder.",
)
ROWS_UNBOUNDED = define(
    "CT-3222",
    BadInput,
    "More than one dataset has several rows for one id, and nobody says how many rows that may make",
    "Give `most_rows`, or register all but one of the datasets with `duplicates: first`.",
)
COUNTS_INVALID = define(
    "CT-3223",
    PeerMisbehaved,
    "A peer told of its common ids how many rows they have, and it cannot be so",
    "Ask the peer's operator: an honest node never does this.",
)
ROWS_TOO_FEW = define(
    "CT-3229",
    BadInput,
    "The step allows fewer rows than the agreement asks for",
    "Give a higher `most_rows`, or leave it out.",
)
TOO_MANY_ROWS = define(
    "CT-3224",
    BadInput,
    "The rows that the parties have of common ids make more combinations than the job plans for",
    "Give a higher `most_rows`, or register a dataset with `duplicates: first`.",
)
