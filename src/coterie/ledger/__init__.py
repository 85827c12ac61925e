"""The ledger: a party's append-only, hash-chained, signed log, with heads that peers countersign."""

from .entry import Countersignature, Entry, Kind, SignedHead
from .ledger import Ledger, read_entries
from .verify import Damage, Finding, Report, peer_heads, verify

__all__ = [
    "Countersignature",
    "Damage",
    "Entry",
    "Finding",
    "Kind",
    "Ledger",
    "Report",
    "SignedHead",
    "peer_heads",
    "read_entries",
    "verify",
]
