"""Error codes of the ledger: 13xx."""

from coterie.errors import BadInput, Bug, PeerMisbehaved, Unavailable, define

LEDGER_BUSY = define(
    "CT-1301",
    Unavailable,
    "Another process writes to this ledger",
    "Stop the other node that uses this folder.",
)
LEDGER_DAMAGED = define(
    "CT-1302",
    Unavailable,
    "The ledger is damaged",
    "Keep the files as they are, run `coterie audit verify`, and restore the folder from a copy.",
)
LEDGER_FULL = define(
    "CT-1303", Unavailable, "The ledger cannot be written", "Free disk space, then try again."
)
ENTRY_INVALID = define("CT-1304", Bug, "The ledger does not take this entry", "Report it.")
LEDGER_OF_ANOTHER = define(
    "CT-1305", BadInput, "The ledger belongs to another party", "Use the folder of this party's own node."
)
LEDGER_MISSING = define(
    "CT-1306", BadInput, "No ledger is in this folder", "Name the folder that has ledger.jsonl."
)
LEDGER_CLOSED = define("CT-1307", Bug, "The ledger was closed before this entry", "Report it.")
HEAD_INVALID = define(
    "CT-1308",
    PeerMisbehaved,
    "A signed head of a ledger does not hold",
    "Ask the named party's operator to explain.",
)
HEAD_WENT_BACK = define(
    "CT-1309",
    PeerMisbehaved,
    "A peer's ledger is shorter or other than it was",
    "Ask the named party's operator to explain; keep both heads.",
)
