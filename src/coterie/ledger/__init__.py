"""The ledger: a party's append-only, hash-chained, signed log, with heads that peers countersign."""

from .entry import Countersignature, Entry, Kind, SignedHead
from .files import read_entries
from .ledger import Ledger
from .report import Damage, Finding, Report
from .verify import peer_heads, verify

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
