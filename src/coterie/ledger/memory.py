"""A ledger without a disk: for a process that keeps its log in memory, and hands every entry to a keeper of
files before it does what the entry says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from coterie.crypto import Identity, canonical, parse_json, timestamp
from coterie.errors import CoterieError

from .entry import MAX_ENTRY, Entry, Kind, SignedHead, first_link
from .errors import ENTRY_INVALID, LEDGER_FULL
from .ledger import MAX_DEPTH

__all__ = ["MemoryLedger", "Outlet"]

Outlet = Callable[[Entry, SignedHead], None]
"""Stores an entry with the head that covers it, or raises. What it was given may be stored all the same."""

MOST_ENTRIES: Final = 10_000
MOST_BYTES: Final = 32 * 1024 * 1024
"""Together, of the lines."""


class MemoryLedger:
    """Entries of one identity, in memory; each has been handed out when :meth:`append` returns. For one
    thread.

    An entry that was signed stays, whether the outlet took it or not: a chain with two entries of one number
    would be a lie. So nothing follows an entry that was not taken before it has been.
    """

    def __init__(self, identity: Identity, outlet: Outlet, now: Callable[[], datetime]) -> None:
        self._identity, self._outlet, self._now = identity, outlet, now
        self._entries: list[Entry] = []
        self._taken = self._bytes = 0

    def append(self, kind: Kind, body: Mapping[str, Any]) -> Entry:
        """Sign an entry, keep it, and hand it out.

        Raises CT-1303 where there is no room, CT-1304 for a body that is none, and what the outlet raises:
        the entry is in the chain then.
        """
        self.flush()
        entry = self._entry(kind, body)
        size = len(canonical(entry)) + 1
        if size > MAX_ENTRY:
            raise ENTRY_INVALID(f"{kind} of {size} bytes where {MAX_ENTRY} are allowed")
        if len(self._entries) >= MOST_ENTRIES or self._bytes + size > MOST_BYTES:
            raise LEDGER_FULL(f"{len(self._entries)} entries are in memory")
        self._entries.append(entry)
        self._bytes += size
        self.flush()
        return entry

    def flush(self) -> None:
        """Hand out again what was not taken. Raises what the outlet raises."""
        while self._taken < len(self._entries):
            entry = self._entries[self._taken]
            self._outlet(entry, SignedHead.make(self._identity, entry.seq, entry.hash, self._now()))
            self._taken += 1

    def entries(self, kind: Kind | None = None, job: str | None = None) -> Iterator[Entry]:
        """The entries so far, in order, of that kind and of that job (``body["job"]``)."""
        for entry in tuple(self._entries):
            if kind in (None, entry.kind) and job in (None, entry.body.get("job")):
                yield entry

    def head(self) -> SignedHead:
        """The present end, signed."""
        return SignedHead.make(self._identity, len(self._entries), self._hash(), self._now())

    def holds(self, head: SignedHead) -> bool:
        """Whether ``head`` is of this ledger."""
        if not head.signed_by(self._identity.public) or not 0 < head.seq <= len(self._entries):
            return False
        return self._entries[head.seq - 1].hash == head.hash

    def _hash(self) -> str:
        return self._entries[-1].hash if self._entries else first_link(self._identity.public)

    def _entry(self, kind: Kind, body: Mapping[str, Any]) -> Entry:
        moment = max(timestamp(self._now()), self._entries[-1].time if self._entries else "")
        try:
            plain = parse_json(canonical(dict(body)), limit=MAX_ENTRY, depth=MAX_DEPTH)
            return Entry.make(self._identity, len(self._entries) + 1, self._hash(), moment, kind, plain)
        except CoterieError as error:
            problem = error.detail
        except ValueError:
            problem = "not an entry"
        raise ENTRY_INVALID(f"{kind}: {problem}")
