"""A secret index, opened under a mask of its own width, and the dealt one-hot vectors that go with it.

For a whole number x from 0 to N - 1, N = 2^k, open m = x + λ mod N: k bits, for shares modulo 2^64 are
shares modulo N. The dealer shares the one-hot vector e of λ: e[j] = 1 where λ = j. That of x is e turned by a
public amount, x = j where λ = m - j: a local rearrangement of shares. All but the last entry are dealt; the
last is 1 minus their sum.

An index with f fractional bits is opened with k + f bits. Its lowest f bits are zero, so those of m are λ's,
and nothing is carried over from them. Were the index not whole, it would be rounded up or down at random, up
in proportion to its fraction. An index outside is taken modulo N.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.form import Form
from coterie.mpc.protocols.packing import pack_low, packed_size, unpack_low
from coterie.mpc.ring import BITS, Words
from coterie.mpc.tape import Call

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party

Integers = NDArray[np.int64]

_CHUNK = 1 << 19
"""Dealt words that are handled at once."""


def width(classes: int) -> int:
    """Bits of an index into so many classes; at least 1."""
    return max(1, (classes - 1).bit_length())


def check_index(form: Form, classes: int) -> None:
    """Raises ValueError where that is no index."""
    if classes < 2:
        raise ValueError(f"an index into {classes} classes needs no protocol")
    if width(classes) + form.frac > BITS - 1:
        raise ValueError(f"an index with {form.frac} fractional bits into {classes} classes")


def opened_size(form: Form, classes: int) -> int:
    """Bytes that each party sends to each other."""
    return packed_size(form.size, width(classes) + form.frac)


class Opened:
    """One index of one call: what is sent, and what comes of it."""

    def __init__(self, form: Form, classes: int) -> None:
        self.size = form.size
        self.frac = form.frac
        self.length = 1 << width(classes)
        self._bits = width(classes) + form.frac

    def mask(self, dealer: Dealer, call: Call, id: int) -> Integers:
        """λ, at the dealer."""
        return self._top(dealer.new_mask(call, id, self.size))

    def masked(self, party: Party, call: Call, id: int, words: Words) -> Words:
        """This party's part of m."""
        return words.reshape(-1) + party.mask_share(call, id, self.size)

    def pack(self, masked: Words) -> NDArray[np.uint8]:
        return pack_low(masked, self._bits)

    def join(self, masked: Words, received: list[NDArray[np.uint8]]) -> Integers:
        """m, of everybody's parts."""
        total = masked.copy()
        for data in received:
            total += unpack_low(data, self._bits, self.size)
        return self._top(total)

    def clear(self, words: Words) -> Integers:
        """The index itself, for twins."""
        return self._top(words.reshape(-1))

    def _top(self, words: Words) -> Integers:
        top = (words >> np.uint64(self.frac)) & np.uint64(self.length - 1)
        return top.view(np.int64)


def chunks(rows: int, words_per_row: int) -> Iterator[tuple[int, slice]]:
    """Number and rows of each part that is dealt and used at once."""
    step = max(1, _CHUNK // words_per_row)
    for part, start in enumerate(range(0, rows, step)):
        yield part, slice(start, min(start + step, rows))


def count_chunks(rows: int, words_per_row: int) -> int:
    return -(-rows // max(1, _CHUNK // words_per_row))


def one_hot(values: Integers, length: int) -> Words:
    """Rows with a 1 at the place of each value, without their last entry: what is dealt."""
    rows = np.zeros((values.size, length - 1), np.uint64)
    here = np.flatnonzero(values < length - 1)
    rows[here, values[here]] = 1
    return rows


def completed(dealt: Words, first: bool) -> Words:
    """Shares of one-hot rows, with their last entry."""
    rows, most = dealt.shape
    whole = np.empty((rows, most + 1), np.uint64)
    whole[:, :most] = dealt
    np.subtract(np.uint64(first), dealt.sum(axis=1, dtype=np.uint64), out=whole[:, most])
    return whole


def turned(rows: Words, opened: Integers, count: int) -> Words:
    """The first ``count`` entries of one-hot rows of x, from those of λ and m = x + λ."""
    length = rows.shape[1]
    places = (opened[:, None] - np.arange(count)) & (length - 1)
    places += np.arange(len(rows))[:, None] * length
    return np.asarray(np.take(rows.reshape(-1), places))
