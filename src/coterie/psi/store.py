"""An oblivious key-value store: a table that gives each of its keys a value, and shows no key.

A table has three segments of ``m`` cells and 128 *dense* cells. A key stands for one cell of each segment and
a subset of the dense cells; its value is the exclusive or of all these. :func:`encode` finds, for given keys
and values, a uniformly random table among those that have all the values. So where the values are uniform the
whole table is, whatever the keys: who knows neither learns nothing from it but its size.

*How.* All cells are drawn at random. Keys are peeled off: one that is alone in some cell can have any value
by that cell, whatever is in all others. What nobody is alone in remains, the core; its few keys are given
their values by the dense cells, by elimination. Then the cells of the peeled keys follow in reverse order.

*How likely it fails.* Keys behave as random ones. Suppose that the core has at most ``c`` = 86 keys. Their
dense parts are dependent with probability below 2^(c - 128) = 2^-42. That it has more: every set of k keys
that is a core has no cell to itself; by the union bound over all sets

    Pr <= sum over k > c of  C(n, k) · P(k, m)^3,

where P(k, m), that k balls in m bins leave no bin with exactly one, is at most k! (e^z - z)^m / (z m)^k for
every z > 0: the generating function's coefficient. With m = ceil(2n / 3) + 8 that is below 2^-41 for all n,
as a test computes. Together that is below 2^-40.

Sources: Pinkas, Rosulek, Trieu, Yanai, "PSI from PaXoS" (2020), section 4; Garimella, Pinkas, Rosulek, Trieu,
Yanai, "Oblivious key-value stores and amplification for private set intersection" (2021), section 4, for
three hashes. The generous table makes the bound a proof: at 1.3 n cells it rests on experiments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.psi.errors import NO_TABLE

DENSE = 128
"""Cells that a key may use any subset of."""
LARGEST_CORE = DENSE - 42
SEGMENTS = 3
SLOT_BYTES = 64
"""Pseudo-random bytes that a key is made of: of its cells, of its dense part, and 16 for who masks values."""

Words = NDArray[np.uint64]


def segment(keys: int) -> int:
    """Cells of each of the three segments."""
    return -(-2 * keys // SEGMENTS) + 8


def cells(keys: int) -> int:
    """Cells of the table of so many keys."""
    return SEGMENTS * segment(keys) + DENSE


@dataclass(frozen=True)
class Slots:
    """Where the values of some keys are in a table."""

    places: NDArray[np.int64]
    """Shape (n, 3): a cell of each segment."""
    dense: NDArray[np.uint8]
    """Shape (n, 16): a bit for each dense cell."""

    @classmethod
    def empty(cls, count: int) -> Slots:
        return cls(np.empty((count, SEGMENTS), dtype=np.int64), np.empty((count, DENSE // 8), dtype=np.uint8))

    def fill(self, start: int, keys: NDArray[np.uint8], of: int) -> None:
        """Set those from ``start`` on.

        :param keys: shape (m, 64), pseudo-random; the last 16 bytes are not looked at.
        :param of: how many keys the table holds.
        """
        size = segment(of)
        words = np.ascontiguousarray(keys[:, : 8 * SEGMENTS]).view("<u8")
        end = start + len(keys)
        # A remainder is uniform up to a factor of 1 + size / 2^64.
        self.places[start:end] = words % np.uint64(size)
        self.places[start:end] += np.arange(SEGMENTS) * size
        self.dense[start:end] = keys[:, 32 : 32 + DENSE // 8]

    def at(self, which: NDArray[np.int64]) -> Slots:
        return Slots(self.places[which], self.dense[which])


def as_words(values: NDArray[np.uint8]) -> Words:
    """Values of up to 16 bytes each as one or two words, filled with zeros."""
    wide = np.zeros((len(values), -(-values.shape[1] // 8) * 8), dtype=np.uint8)
    wide[:, : values.shape[1]] = values
    return wide.view(np.uint64)


def as_bytes(words: Words, width: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(words.view(np.uint8)[:, :width])


def decode(table: Words, slots: Slots) -> Words:
    """The values of these keys; of a key that is not in the table, the exclusive or of random cells.

    :param table: shape (cells, words).
    """
    values = table[slots.places[:, 0]]
    for column in slots.places.T[1:]:
        values ^= table[column]
    return values ^ _dense(table[-DENSE:], slots.dense)


def _dense(tail: Words, bits: NDArray[np.uint8]) -> Words:
    """For each row of bits, the exclusive or of those cells: by tables of all sums of eight of them."""
    total = np.zeros((len(bits), tail.shape[1]), dtype=np.uint64)
    for place in range(DENSE // 8):
        sums = np.zeros((1, tail.shape[1]), dtype=np.uint64)
        for cell in tail[8 * place : 8 * place + 8]:
            sums = np.concatenate([sums, sums ^ cell])
        total ^= sums[bits[:, place]]
    return total


def encode(slots: Slots, values: Words, random: Callable[[int], bytes]) -> Words:
    """A uniformly random table in which these keys have these values.

    :param values: shape (n, words).
    :param random: the source of what is free.

    Errors: CT-2007 (no table has these values; below 2^-40 for random keys).
    """
    count, width = len(values), values.shape[1]
    table = np.frombuffer(random(8 * width * cells(count)), dtype=np.uint64).reshape(-1, width).copy()
    rounds, core = _peel(slots.places, cells(count))
    if len(core):
        rest = slots.at(core)
        table[-DENSE:] ^= _solve(rest.dense, values[core] ^ decode(table, rest))
    for keys, pivots in reversed(rounds):
        table[pivots] ^= values[keys] ^ decode(table, slots.at(keys))
    return table


def _peel(
    places: NDArray[np.int64], size: int
) -> tuple[list[tuple[NDArray[np.int64], NDArray[np.int64]]], NDArray[np.int64]]:
    """Rounds of keys with the cell that each was alone in; and the keys that are never alone.

    Keys of a round do not meet in each other's cells, so that they can be given their values at once.
    """
    rounds = []
    left = np.arange(len(places))
    while len(left):
        here = places[left]
        alone = (np.bincount(here.reshape(-1), minlength=size) == 1)[here]
        free = alone.any(axis=1)
        if not free.any():
            break
        which = np.argmax(alone, axis=1)
        rounds.append((left[free], here[free, which[free]]))
        left = left[~free]
    return rounds, left


def _solve(bits: NDArray[np.uint8], wanted: Words) -> Words:
    """What to add to the dense cells so that each of these rows has its sum: Gauss-Jordan elimination."""
    width = 64 * wanted.shape[1]
    pivots: dict[int, int] = {}
    for left, right in zip(bits, wanted, strict=True):
        # One integer for a row: which cells above, their sum below.
        row = int.from_bytes(left.tobytes(), "little") << width | int.from_bytes(right.tobytes(), "little")
        for pivot, other in pivots.items():
            if row >> pivot & 1:
                row ^= other
        if not row >> width:
            raise NO_TABLE(f"{len(bits)} keys that depend on each other")
        top = row.bit_length() - 1
        for pivot, other in pivots.items():
            if other >> top & 1:
                pivots[pivot] = other ^ row
        pivots[top] = row
    solution = np.zeros((DENSE, wanted.shape[1]), dtype=np.uint64)
    for pivot, row in pivots.items():
        total = (row & ((1 << width) - 1)).to_bytes(width // 8, "little")
        solution[pivot - width] = np.frombuffer(total, dtype=np.uint64)
    return solution
