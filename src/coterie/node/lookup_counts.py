"""How many ids each party has asked for: counted on the disk before it is answered.

The store holds the exact numbers. The ledger has an entry for each minute in which a party asks, written
before the first answer of that minute: how many it has asked for before, and how many more it can get in this
minute. So the ledger bounds the number at every time, grows by minutes and not by questions, and a store that
was lost or put back from an old copy does not give a party anything again; but from a copy that was made
within the last minute in which the party asked, what it asked for in the rest of that minute.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from coterie.agreement import LOOKUPS_TOO_FAST, LOOKUPS_USED_UP, LookupTerms

from .core import Core
from .store import LookupRow

__all__ = ["LookupCounts"]

Key = tuple[str, str, str]
"""Agreement, dataset, party."""


class LookupCounts:
    """The counts of this node's own tables."""

    def __init__(self, core: Core, clock: Callable[[], float] = time.time) -> None:
        self._core = core
        self._clock = clock
        self._locks: dict[Key, asyncio.Lock] = {}
        self._written: dict[Key, int] = {}
        """The minute that the ledger has an entry of, since this process began."""

    async def take(self, agreement: str, terms: LookupTerms, party: str, ids: int) -> int:
        """Count so many ids; when this returns, it is on the disk. Gives how many are left to the party.

        :raises CoterieError: CT-1639, CT-1640 (nothing is counted then), CT-1303, CT-5005.
        """
        key = (agreement, terms.dataset, party)
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._written:
                await self._mend(key)
            used, minute = self._count(key, terms, ids)
            if self._written[key] != minute:
                before, most = used - ids, min(terms.per_minute, terms.max_ids - used + ids)
                names = {"agreement": agreement, "dataset": terms.dataset, "party": party}
                body = {"event": "asked", **names, "before": before, "at_most": most}
                await self._core.record("lookup", {**body, "minute": minute})
                self._written[key] = minute
        return terms.max_ids - used

    def _count(self, key: Key, terms: LookupTerms, ids: int) -> tuple[int, int]:
        """Number used with these, and the minute."""
        agreement, dataset, party = key
        with self._core.store.session() as session:
            row = session.get(LookupRow, key)
            if row is None:
                row = LookupRow(
                    agreement=agreement, dataset=dataset, party=party, used=0, minute=0, in_minute=0
                )
                session.add(row)
            # A clock that was put back begins no minute anew.
            minute = max(int(self._clock() // 60), row.minute)
            in_minute = row.in_minute if row.minute == minute else 0
            if row.used + ids > terms.max_ids:
                raise LOOKUPS_USED_UP(f"{row.used} of {terms.max_ids}, and {ids} are asked for", party=party)
            if in_minute + ids > terms.per_minute:
                told = f"{in_minute} of {terms.per_minute} in this minute, and {ids} are asked for"
                raise LOOKUPS_TOO_FAST(told, party=party)
            row.used, row.minute, row.in_minute = row.used + ids, minute, in_minute + ids
            return row.used, minute

    async def _mend(self, key: Key) -> None:
        """Once in a process: what the ledger says was asked is asked, whatever the store says."""
        told = await asyncio.to_thread(self._told, key)
        agreement, dataset, party = key
        with self._core.store.session() as session:
            row = session.get(LookupRow, key)
            if told is not None and (row is None or row.minute < told["minute"] or row.used < told["before"]):
                used = int(told["before"]) + int(told["at_most"])
                mended = max(used, row.used if row else 0)
                session.merge(
                    LookupRow(
                        agreement=agreement,
                        dataset=dataset,
                        party=party,
                        used=mended,
                        minute=int(told["minute"]),
                        in_minute=int(told["at_most"]),
                    )
                )
        self._written[key] = -1 if told is None else int(told["minute"])

    def _told(self, key: Key) -> Mapping[str, Any] | None:
        """The ledger's last word on it."""
        last = None
        for entry in self._core.ledger.entries("lookup"):
            body = entry.body
            if body.get("event") == "asked" and (body["agreement"], body["dataset"], body["party"]) == key:
                last = body
        return last

    def asked(self, agreement: str, dataset: str, parties: tuple[str, ...]) -> dict[str, int]:
        """How many ids each party has asked for."""
        with self._core.store.session() as session:
            rows = {party: session.get(LookupRow, (agreement, dataset, party)) for party in parties}
        return {party: 0 if row is None else row.used for party, row in rows.items()}
