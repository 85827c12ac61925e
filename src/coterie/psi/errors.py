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
    own_detail=True,
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
TOO_MANY_ROWS = define(
    "CT-2041",
    BadInput,
    "More rows than this intersection is made for",
    "Register the dataset in parts, and intersect them one by one.",
)
BAD_NUMBERS = define("CT-2040", Bug, "Numbers to be shared are not those of the rows", "Report it.")
BUCKET_FULL = define(
    "CT-2020",
    Unavailable,
    "More rows fell into one bucket than it has room for, by a rare chance",
    "Start the job again: rows are dealt into buckets anew. If it happens again, report it.",
    own_detail=True,
)
NOT_COMMITTED = define(
    "CT-2021",
    PeerMisbehaved,
    "A peer opened something else than it had committed to",
    "Ask the peer's operator: an honest node never does this.",
)
FALSE_CLAIM = define(
    "CT-2022",
    PeerMisbehaved,
    "A peer named common rows that it cannot have found",
    "Ask the peer's operator: an honest node never does this.",
)
DISORDERED = define(
    "CT-2023",
    PeerMisbehaved,
    "A peer's tags are not in their order",
    "Ask the peer's operator: an honest node never does this.",
)
TABLE_UNREADABLE = define(
    "CT-2030",
    BadInput,
    "This is no prepared table",
    "Take the file that `coterie lookup prepare` wrote at the party that owns the ids.",
)
TABLE_CUT = define(
    "CT-2031", BadInput, "A prepared table is cut off", "Copy it again from the party that prepared it."
)
TABLE_ALTERED = define(
    "CT-2032",
    BadInput,
    "A prepared table was altered",
    "Copy it again from the party that prepared it; if it stays wrong, ask that party's operator.",
)
TABLE_OTHER = define(
    "CT-2033",
    BadInput,
    "A prepared table is for something else",
    "Ask its owner for the table of this dataset under this agreement.",
)
WRONG_KEY = define(
    "CT-2034",
    PeerMisbehaved,
    "The owner of a prepared table did not use the table's key",
    "Ask the peer's operator: its answers say nothing about the table, and none was used.",
)
ROWS_CHANGED = define(
    "CT-2035",
    BadInput,
    "There are not as many ids as were said",
    "Register the dataset again, so that its number of rows is the present one, and prepare the table again.",
)
HEARD_OTHERWISE = define(
    "CT-2025",
    PeerMisbehaved,
    "Parties were told different things at the beginning",
    "Ask the operators of all parties: one of the nodes did not follow the protocol. Nothing was revealed.",
)
NO_SUCH_METHOD = define(
    "CT-2024",
    BadInput,
    "No protocol of set intersection does what is asked for",
    "Take method auto or oprf for two parties, or security semi-honest.",
)
BAD_TRANSFER = define(
    "CT-2010",
    PeerMisbehaved,
    "A peer sent what is no element of the group in oblivious transfers",
    "Ask the peer's operator: an honest node never does this.",
)
BAD_SEEDS = define(
    "CT-2011",
    PeerMisbehaved,
    "The seeds of a peer do not fit together",
    "Ask the peer's operator: an honest node never does this.",
)
BAD_CORRECTIONS = define(
    "CT-2012",
    PeerMisbehaved,
    "The corrections of a peer are not those of one vector",
    "Ask the peer's operator: an honest node never does this.",
)
BAD_TREES = define(
    "CT-2013",
    PeerMisbehaved,
    "The trees of a peer do not fit its products",
    "Ask the peer's operator: an honest node never does this.",
)
