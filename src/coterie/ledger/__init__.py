"""The ledger: a party's append-only, hash-chained, signed log, with heads that peers countersign."""

from .entry import MAX_ENTRY, Countersignature, Entry, Kind, SignedHead
from .files import read_entries
from .ledger import Ledger
from .memory import MemoryLedger
from .mirror import Mirror
from .report import Damage, Finding, Report
from .verify import peer_heads, verify

__all__ = [
    "MAX_ENTRY",
    "Countersignature",
    "Damage",
    "Entry",
    "Finding",
    "Kind",
    "Ledger",
    "MemoryLedger",
    "Mirror",
    "Report",
    "SignedHead",
    "peer_heads",
    "read_entries",
    "verify",
]
