"""How often an address may try to sign in, and a token may call."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from coterie.wire import network_of

from .errors import CALLS_SLOWED, SIGN_IN_SLOWED
from .settings import PeopleSettings

__all__ = ["CallRates", "PeopleSettings", "SignInDelays", "network_of"]

MOST_ADDRESSES = 10_000
"""That are remembered; beyond it the one that was quiet longest is forgotten."""


@dataclass
class _Failures:
    count: int
    until: float
    seen: float


class SignInDelays:
    """Failures by address. Each beyond the free ones doubles the wait before the next try."""

    def __init__(self, settings: PeopleSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def begin(self, address: str) -> None:
        """A try counts as failed from its start, so that many at once are no way around.

        :raises CoterieError: CT-5121.
        """
        key, now = network_of(address), self._clock()
        known = self._failures.get(key)
        if known is None or now - known.seen > self._settings.longest_wait:
            known = self._failures[key] = _Failures(0, now, now)
        self._failures.move_to_end(key)
        if now < known.until:
            raise SIGN_IN_SLOWED(f"wait {math.ceil(known.until - now)} s")
        known.seen = now
        known.count += 1
        # The exponent is bounded by the longest wait, which 2^20 s is beyond.
        beyond = min(known.count - self._settings.free_failures, 20)
        if beyond > 0:
            known.until = now + min(2.0**beyond, self._settings.longest_wait)
        while len(self._failures) > MOST_ADDRESSES:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Take the last try back. Those before stay: who has a password cannot guess another's for longer."""
        known = self._failures.get(network_of(address))
        if known is not None:
            known.count = max(0, known.count - 1)
            known.until = self._clock()


@dataclass
class _Bucket:
    left: float
    seen: float


class CallRates:
    """A token bucket for each token and session."""

    def __init__(self, settings: PeopleSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one call. :raises CoterieError: CT-5122."""
        most, rate, now = self._settings.calls_at_once, self._settings.calls_per_second, self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(most, now))
        self._buckets.move_to_end(key)
        bucket.left = min(most, bucket.left + (now - bucket.seen) * rate)
        bucket.seen = now
        while len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        if bucket.left < 1:
            raise CALLS_SLOWED(f"{most} at once, then {rate:g} a second")
        bucket.left -= 1
