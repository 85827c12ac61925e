"""The nonces that a provider has given out: each is good for one exchange, once, for five minutes."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from coterie.crypto import random_key
from coterie.tee.evidence.errors import NONCE_REFUSED, TOO_MANY_NONCES

LIFETIME: Final = timedelta(seconds=300)
MOST: Final = 4096
"""Nonces that may be out at a time."""
MOST_EACH: Final = 64
"""Of them for one subject: whoever runs one job cannot take them from others."""


@dataclass(frozen=True)
class _Given:
    subject: str
    at: datetime


class NonceBook:
    """Nonces in memory alone: after a restart those that were out are unknown, and so refused.
    Thread-safe.
    """

    def __init__(self) -> None:
        self._given: dict[bytes, _Given] = {}
        self._lock = threading.Lock()

    def issue(self, subject: str, now: datetime) -> bytes:
        """A new nonce of 32 random bytes.

        :param subject: what it is good for, such as a job and its runner; only for that it can be spent.

        Errors: CT-2246 while 4096 are out, or 64 for this subject.
        """
        with self._lock:
            self._forget(now)
            if len(self._given) >= MOST:
                raise TOO_MANY_NONCES(f"{MOST} are waiting for evidence")
            if sum(given.subject == subject for given in self._given.values()) >= MOST_EACH:
                raise TOO_MANY_NONCES(f"{MOST_EACH} for this run are waiting for evidence")
            nonce = random_key()
            self._given[nonce] = _Given(subject, now)
            return nonce

    def spend(self, nonce: bytes, subject: str, now: datetime) -> None:
        """Use a nonce up, whatever comes of the evidence over it.

        Errors: CT-2245 where it was not issued for this subject, was used, or is older than 300 seconds.
        """
        with self._lock:
            given = self._given.pop(nonce, None)
        if given is None:
            raise NONCE_REFUSED("it was not given out here, or was used already")
        if given.subject != subject:
            raise NONCE_REFUSED("it was given out for another run")
        if not given.at <= now <= given.at + LIFETIME:
            raise NONCE_REFUSED(f"it is good for {LIFETIME.seconds} seconds")

    def _forget(self, now: datetime) -> None:
        self._given = {nonce: given for nonce, given in self._given.items() if now <= given.at + LIFETIME}
