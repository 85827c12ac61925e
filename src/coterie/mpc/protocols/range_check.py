"""The guard of periodic functions: no value leaves the range of a trigonometric sum unseen.

A sum of period 2T takes z and z + 2T for the same. So the opening that it needs anyway is made with 16 bits
more above the period, and for each element the dealer shares a table of eight 16-bit entries, the public bits
of m = z + λ choosing one. Cut the period into eight buckets of T/4, shift z by limit = 5T/8, and let δ be the
bucket of m minus the bucket of λ, counted beyond the period as well. δ is z's bucket, or one more where the
lower bits carry. z is in range if δ is 0 … 5. For each value i of the lowest three bits of m's bucket, entry
i is what the 16 bits above the period must then be: λ's, plus one where i is below λ's three bits; or, where
the difference of i and λ's bits is 6 or 7, something that they cannot be. So

- entry minus public bits is 0 for every z in [−limit, limit), and
- it is not 0 for any |z| >= 1.4 limit, up to 2^14 periods;

in between it depends on λ. No comparison circuit, no round, 16 bytes dealt for each element. The parties add
up their shares of eight random public combinations of all differences, over all calls, and at the end reveal
only whether the sums are zero: multiplied by a random secret matrix, so that a failure tells one bit and not
which row it was.

A difference k != 0 has k = 2^v · odd, where |k| is about how many periods z is off, or odd where z is in the
last two buckets. Eight combinations miss it with probability 2^(-8(16-v)): below 2^-40 for all |z| < 2^11
periods.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.errors import OUT_OF_RANGE
from coterie.mpc.form import Form
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.protocols.reveal import zero_share
from coterie.mpc.ring import Floats, Words
from coterie.mpc.seeds import COMMON
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

Lanes = NDArray[np.uint16]

ABOVE = 16
"""Bits opened above the period."""
PERIODS = 2**14
"""Values are off by fewer periods than this; the trace makes sure."""
WORDS_PER_ROW = 2
"""Eight entries of 16 bits."""
COMBINATIONS = 8
_BUCKETS = 8
_ACCEPTED = 6
_NEVER = PERIODS + 1  # odd, and no difference of periods
_TOP = np.uint64(64 - ABOVE)
FORM = Form((COMBINATIONS,), 0, 0.0)
"""Of the sums: zero, in an honest run without accident. They live in the top 16 bits of the ring."""


def _entries() -> Lanes:
    """(8, 8): for the lowest bits of λ's bucket and of m's, what is added to λ's bits above the period."""
    mask, public = np.arange(_BUCKETS)[:, None], np.arange(_BUCKETS)[None, :]
    below = (public < mask).astype(np.uint16)
    inside = (public - mask) % _BUCKETS < _ACCEPTED
    return np.where(inside, below, below + np.uint16(_NEVER)).astype(np.uint16)


_ENTRIES = _entries()


def split(words: Words, period_bits: int) -> tuple[NDArray[np.intp], Lanes]:
    """The lowest three bits of the bucket, and the 16 bits above the period."""
    low = (words >> np.uint64(period_bits - 3)).astype(np.uint16) & np.uint16(_BUCKETS - 1)
    return low.astype(np.intp), (words >> np.uint64(period_bits)).astype(np.uint16)


def tables(mask: Words, period_bits: int) -> Lanes:
    """(n, 8): the dealer's tables for masks λ."""
    low, high = split(mask, period_bits)
    table: Lanes = _ENTRIES[low]
    table += high[:, None]
    return table


def lanes(words: Words) -> Lanes:
    """(n, 8): a random stream of two words for each row, as table entries."""
    return words.view(np.uint16).reshape(-1, _BUCKETS)


def differences(table: Lanes, opened: Words, period_bits: int, first: bool) -> Lanes:
    """A party's shares, mod 2^16, of entry minus public bits."""
    low, high = split(opened, period_bits)
    chosen: Lanes = np.take_along_axis(table, low[:, None], axis=1)[:, 0]
    return chosen - high if first else chosen


def combine(party: Party, call: Call, id: int, start: int, total: int, shares: Lanes) -> Words:
    """Shares of eight random public combinations of the rows ``start`` and following, of ``total``."""
    n = shares.size
    use = f"{call.tag} public coins"
    coins = party.book.part(COMMON, id, total * WORDS_PER_ROW, start * WORDS_PER_ROW, n * WORDS_PER_ROW, use)
    sums = np.einsum("nk,n->k", lanes(coins), shares)
    words: Words = sums.astype(np.uint64)
    return words << _TOP


class Check(Protocol):
    """Reveal to all compute parties whether the sums are zero."""

    kind = "check"
    statement = ProtocolStatement(
        protocol="range check",
        rounds="2",
        sent="128 bytes from each compute party to each other, for the whole program",
        dealt="64 bytes for the whole program, and 16 bytes for each guarded element",
        learns="Every compute party learns whether all values were in range; if not, the job ends.",
        source="this file; multiplied opening: Cramer, Damgård, Nielsen (2015), section 5",
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        if forms[0] != FORM:
            raise ValueError("checks sums of differences only")
        return ()

    def ids(self, call: Call, setting: Setting) -> int:
        return 4

    def cost(self, call: Call, setting: Setting) -> Cost:
        size = COMBINATIONS * WORD
        opening = (*Cost.broadcast(setting, size), Cost.deal(setting, size))
        return Cost((opening, tuple(Cost.broadcast(setting, size))), party_work=COMBINATIONS**2)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (mask_id, factor_id, dealt_id, _) = instruction.call, instruction.ids
        mask = dealer.new_mask(call, mask_id, COMBINATIONS)
        factor = dealer.book.sum(dealer.setting.parties, factor_id, COMBINATIONS**2, f"{call.tag} factor")
        dealer.send(call, dealt_id, _times(factor, mask))

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, (mask_id, factor_id, dealt_id, zero_id) = instruction.call, instruction.ids
        opened = party.join(call, values[0].words + party.mask_share(call, mask_id, COMBINATIONS))
        factor = party.book.words(party.me, factor_id, COMBINATIONS**2, f"{call.tag} factor")
        share = _times(factor, opened) - party.dealt(call, dealt_id, COMBINATIONS)
        share += zero_share(party, call, zero_id, COMBINATIONS)
        if party.join(call, share).any():
            raise OUT_OF_RANGE("in at least one row", party=party.me)
        return ()

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        if values[0].any():
            raise OUT_OF_RANGE("in at least one row")
        return ()

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        if values[0].any():
            raise OUT_OF_RANGE("in at least one row")
        return ()


def _times(factor: Words, sums: Words) -> Words:
    """The 8 x 8 matrix in ``factor`` times the sums."""
    products: Words = (factor.reshape(COMBINATIONS, COMBINATIONS) * sums).sum(axis=1, dtype=np.uint64)
    return products


PROTOCOLS = (Check(),)
