"""Error codes of set intersection: 20xx."""

from coterie.errors import BadInput, Bug, PeerMisbehaved, Unavailable, define

NO_ROWS = define(
    "CT-2001",
    BadInput,
    "A party has no rows to align",
    "Check the dataset's source and filters: at least one row is needed on each side.",
)
DUPLICATE_IDS = define(
    "CT-2002",
    BadInput,
    "Two rows have the same id",
    "Remove or merge the duplicate rows; ids that differ only in what the id rule drops are the same.",
)
BAD_POINT = define(
    "CT-2003",
    PeerMisbehaved,
    "A peer sent what is no element of the group",
    "Ask the peer's operator: an honest node never does this.",
)
AMBIGUOUS = define(
    "CT-2004",
    PeerMisbehaved,
    "A common row has more than one counterpart",
    "Ask the peer's operator whether its ids are unique, and start the job again.",
)
RESULTS_DIFFER = define(
    "CT-2005",
    PeerMisbehaved,
    "The parties found different common rows",
    "Ask the peer's operator: one of the parties did not follow the protocol.",
)
BAD_CALL = define("CT-2006", Bug, "Set intersection was called with arguments of a wrong form", "Report it.")
NO_TABLE = define(
    "CT-2007",
    Unavailable,
    "No table could be made of the rows, by a rare chance",
    "Start the job again. If it happens again, report it.",
)
BAD_NUMBERS = define("CT-2040", Bug, "Numbers to be shared are not those of the rows", "Report it.")
