"""Opening a few bits of a secret: those that a function with a period needs, and those above for its guard.

Of z + λ only a window of bits becomes public, and λ covers all of it. Where z has more fractional bits than
the window shows, each party drops the low bits of its share by itself: the n shares then add up to z less at
most n units in the last place that is kept, or to that and a multiple of the period.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from coterie._kernels import low_bits_pack, low_bits_unpack
from coterie.mpc.errors import OVERFLOW
from coterie.mpc.form import Form
from coterie.mpc.location import program_line
from coterie.mpc.ring import BITS, Words
from coterie.mpc.tape import Call, Cost, Message, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party

PERIOD_BITS = 24
ABOVE = 16
"""Bits above the period that the guard of the range needs."""
PERIODS = 2**15 - 2**10 - 1
"""The guard sees no farther: see ``range_check``."""
CHUNK = 1 << 16
"""Rows that are dealt at once: what is dealt is larger than the values themselves."""


def chunks(n: int) -> Iterator[tuple[int, int]]:
    """First row and end of each chunk."""
    for start in range(0, n, CHUNK):
        yield start, min(start + CHUNK, n)


def corrected(setting: Setting, part: int) -> str:
    """Whose shares the dealer corrects for a chunk: everybody in turn, so that what is dealt comes over
    several lines, and the work with it is shared."""
    return setting.parties[-1 - part % len(setting.parties)]


def dealt_to(setting: Setting, n: int, each: int) -> Iterator[Message]:
    """What the dealer sends for ``n`` rows of ``each`` bytes."""
    rows: dict[str, int] = {}
    for part, (start, stop) in enumerate(chunks(n)):
        target = corrected(setting, part)
        rows[target] = rows.get(target, 0) + stop - start
    for target, count in rows.items():
        yield Cost.deal(setting, count * each, to=target)


@dataclass(frozen=True)
class Window:
    """Where the bits of a period, and some above, lie in a value of this form."""

    form: Form
    half_period: float
    """T, a power of two: the period is 2T."""
    period_bits: int = PERIOD_BITS
    above: int = ABOVE
    factor: int = 1
    factor_frac: int = 0
    """The gain: what is opened is the value times factor / 2^factor_frac. The product lives in the window
    alone, so that it need not fit the ring."""

    def check(self) -> None:
        """Raises ValueError for a form that has no such window, CT-2101 for values too large for a guard."""
        if not self.half_period > 0 or math.frexp(self.half_period)[0] != 0.5:
            raise ValueError(f"half a period of {self.half_period} is no power of two")
        if self.shift > BITS - self.bits:
            raise ValueError(f"{self.form.frac} fractional bits are too many: round first")
        if self.factor % 2 == 0:
            raise ValueError("an even factor of the gain")
        if self.shift < -self.period_bits:
            raise ValueError(f"{self.form.frac} fractional bits are too few for so small a period")
        if self.above >= ABOVE and self.form.bound * self.gain >= PERIODS * 2 * self.half_period:
            raise OVERFLOW(
                f"values up to {self.form.bound:.3g}{program_line()} are beyond what the range check sees",
                next_step="Promise the range by `fn.bounded(x, (low, high))` first: it sees all values.",
            )

    @property
    def gain(self) -> float:
        return abs(self.factor) / 2.0**self.factor_frac

    @property
    def bits(self) -> int:
        """How many become public."""
        return self.period_bits + self.above

    @property
    def bytes(self) -> int:
        """That each party sends for an element."""
        return -(-self.bits // 8)

    @property
    def frac(self) -> int:
        """Fractional bits of what is left of a value."""
        return self.period_bits - math.frexp(2 * self.half_period)[1] + 1

    @property
    def shift(self) -> int:
        """How many low bits are dropped; where negative, how many zeros are put below."""
        return self.form.frac + self.factor_frac - self.frac

    def reduce(self, words: Words) -> Words:
        """Times the gain, low bits dropped, in a new flat array."""
        flat, shift = words.reshape(-1), self.shift
        if self.factor != 1:
            flat = flat * np.uint64(self.factor % 2**BITS)
        return flat >> np.uint64(shift) if shift >= 0 else flat << np.uint64(-shift)

    def open(self, party: Party, call: Call, words: Words, id: int) -> Words:
        """The window's bits of z + λ, flat and public among the compute parties. One round."""
        masked = self.reduce(words)
        masked += party.mask_share(call, id, masked.size)
        packed = low_bits_pack(masked, self.bits)
        for theirs in party.broadcast(call, packed):
            masked += low_bits_unpack(theirs, self.bits)
        masked &= self._mask
        return masked

    def mask(self, dealer: Dealer, call: Call, id: int) -> Words:
        """The dealer's λ for :meth:`open`."""
        mask = dealer.new_mask(call, id, self.form.size)
        mask &= self._mask
        return mask

    @property
    def _mask(self) -> np.uint64:
        return np.uint64((1 << self.bits) - 1)
