"""The log of calls that were refused: a line for each kind of call and day, with how often it came.

The first of a kind is written at once, repeated ones together within seconds. A day has a bounded number of
lines; what is beyond is counted without route and address. No token and no value of a call is in it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from coterie.crypto import now, timestamp
from coterie.errors import CoterieError
from coterie.node.store import RefusedCallRow, Store

from .views import RefusedCallView

__all__ = ["NOBODY", "Refusals"]

log = logging.getLogger("coterie.node")

NOBODY = "nobody"
"""Who has shown no valid token."""
ANY = "(any)"
LINES = 1000
"""Of a day: as many for callers that nobody knows, and as many for those that are known."""
DAYS = 90
PAUSE_SECONDS = 5.0
"""Within which repeated calls are written."""

Key = tuple[str, str, str, str]
"""Who, route, code, address."""


class Refusals:
    """Only the event loop's thread uses it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._day = ""
        self._known: set[Key] = set()
        self._strange: set[Key] = set()
        self._waiting: dict[Key, int] = {}
        self.codes: Counter[str] = Counter()
        """How many were refused, by error code, since the node was started."""
        self._timer: asyncio.TimerHandle | None = None

    def note(self, who: str, route: str, code: str, address: str) -> None:
        """Count a refused call. A store that takes nothing does not change the answer to it."""
        moment = now()
        if (day := timestamp(moment)[:10]) != self._day:
            self._turn(day, moment)
        lines = self._strange if who == NOBODY else self._known
        key = (who, route, code, address)
        if key not in lines and len(lines) >= LINES:
            key = (who if who == NOBODY else ANY, ANY, code, ANY)
        first = key not in lines
        lines.add(key)
        self._waiting[key] = self._waiting.get(key, 0) + 1
        self.codes[code] += 1
        if first:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what was counted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        time = timestamp(now())
        try:
            with self._store.session() as session:
                for (who, route, code, address), count in self._waiting.items():
                    row = session.get(RefusedCallRow, (self._day, who, route, code, address))
                    if row is None:
                        row = RefusedCallRow(
                            day=self._day,
                            who=who,
                            route=route,
                            code=code,
                            address=address,
                            count=0,
                            first=time,
                        )
                        session.add(row)
                    row.count += count
                    row.last = time
        except CoterieError as error:
            log.error("refused calls not recorded: %s", error)  # they stay counted, for the next time
            return
        self._waiting.clear()

    def views(self, limit: int) -> list[RefusedCallView]:
        """Newest first."""
        self.flush()
        newest = select(RefusedCallRow).order_by(RefusedCallRow.last.desc(), RefusedCallRow.who).limit(limit)
        with self._store.session() as session:
            rows = list(session.scalars(newest))
        return [RefusedCallView.model_validate(row, from_attributes=True) for row in rows]

    def _turn(self, day: str, moment: datetime) -> None:
        """Begin a day: with the lines that it has already, after a restart, and without those too old."""
        self.flush()
        self._day = day
        try:
            with self._store.session() as session:
                oldest = timestamp(moment - timedelta(days=DAYS))[:10]
                session.execute(delete(RefusedCallRow).where(RefusedCallRow.day < oldest))
                rows = list(session.scalars(select(RefusedCallRow).where(RefusedCallRow.day == day)))
        except CoterieError as error:
            log.error("refused calls not read: %s", error)
            rows = []
        keys = {(row.who, row.route, row.code, row.address) for row in rows}
        self._strange = {key for key in keys if key[0] == NOBODY}
        self._known = keys - self._strange
