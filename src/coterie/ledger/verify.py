"""Offline verification: what was changed, dropped, reordered or inserted, entry by entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .entry import SignedHead

__all__ = ["Damage", "Finding", "Report", "peer_heads", "verify"]

Damage = Literal[
    "changed", "dropped", "reordered", "inserted", "repeated", "rewritten", "unfinished", "head", "identity"
]


@dataclass(frozen=True)
class Finding:
    """One kind of damage at one place."""

    damage: Damage
    entry: int | None
    """Number of the entry that is concerned, or where it should be."""
    detail: str
    line: int | None = None
    """Line of ledger.jsonl."""


@dataclass(frozen=True)
class Report:
    """What a verification found."""

    party: str | None
    fingerprint: str | None
    """Of the key that the entries were checked with. Compare it with the party."""
    entries: int
    """Entries that hold."""
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    """Remarks that are no damage."""
    countersigned: Mapping[str, int]
    """By peer: the highest entry number that its word confirms."""

    @property
    def ok(self) -> bool:
        return not self.findings


def verify(
    directory: Path, *, peer_heads: Iterable[SignedHead] = (), fingerprint: str | None = None
) -> Report:
    """Check a ledger without its node, in one pass and little memory (32 bytes an entry).

    :param peer_heads: heads of this ledger that others hold, see :func:`peer_heads`.
    :param fingerprint: the party's fingerprint as known from elsewhere; a folder signed by another key is then found.

    Raises CT-1306 where there is no ledger.
    """
    raise NotImplementedError


def peer_heads(directory: Path, party: str) -> tuple[SignedHead, ...]:
    """The heads of ``party`` that the ledger in ``directory``, a peer's, has noted (CT-1302, CT-1306)."""
    raise NotImplementedError
