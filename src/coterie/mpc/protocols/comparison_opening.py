"""What all comparisons begin with: thresholds, and the opening of the low bits of x + λ, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie._kernels import low_bits_pack, low_bits_unpack
from coterie.mpc.form import BitsForm
from coterie.mpc.ring import BITS, Words
from coterie.mpc.tape import WORD, Call

if TYPE_CHECKING:
    from coterie.mpc.party import Party

TILE = 512
"""Values of a tile of the kernels: pieces are whole tiles."""
PIECE = 1 << 17
"""Values that are worked on at once, at most."""
PIECE_BYTES = 1 << 22
"""Bytes that are dealt for them, about."""
AHEAD = 8
"""Pieces of one's own that are sent before one of a peer's is awaited."""


def planes_bytes(n: int, planes: int) -> int:
    """Bytes of so many bits of each of ``n`` values, 64 of them to a word."""
    return planes * -(-n // BITS) * WORD


def pieces(n: int, planes: int) -> list[tuple[int, int]]:
    """Start and end of each piece of ``n`` values for which so many bits are dealt; one at least."""
    size = min(PIECE, max(TILE, PIECE_BYTES * 8 // planes // TILE * TILE))
    return [(start, min(start + size, n)) for start in range(0, max(n, 1), size)]


def opened_bytes(bits: int) -> int:
    """Of a value of which so many bits are opened."""
    return -(-bits // 8)


class Opening:
    """Opens the low bits of x + λ, piece by piece."""

    def __init__(self, party: Party, call: Call, words: Words, id: int, bits: int) -> None:
        self._party, self._call, self._id, self._bits = party, call, id, bits
        self._words = words.reshape(-1)
        self._own: dict[str, Words] = {}

    def send(self, start: int, stop: int) -> None:
        """Publish the masked shares of some values."""
        n, use = self._words.size, f"{self._call.tag} mask"
        masked = self._party.book.part(self._party.me, self._id, n, start, stop - start, use)
        masked += self._words[start:stop]
        packed = low_bits_pack(masked, self._bits)
        tag = f"{self._call.tag}/{start}"
        for other in self._party.others:
            self._party.mesh.to(other).send_array(tag, packed)
        self._own[tag] = masked

    def take(self, start: int, stop: int) -> Words:
        """m of these values. What is above its opened bits means nothing."""
        tag, size = f"{self._call.tag}/{start}", (stop - start) * opened_bytes(self._bits)
        opened = self._own.pop(tag)
        for other in self._party.others:
            theirs = self._party.mesh.to(other).recv_array(tag, np.uint8, (size,))
            opened += low_bits_unpack(theirs, self._bits)
        return opened


def in_turn(party: Party, count: int, send: Callable[[int], None], take: Callable[[int], None]) -> None:
    """One round of so many pieces, sent a few ahead of those that are taken: so no party holds more."""
    with party.mesh.at_once():
        for index in range(count + AHEAD):
            if index < count:
                send(index)
            if index >= AHEAD:
                take(index - AHEAD)


def thresholds(params: Mapping[str, Any]) -> tuple[int, ...]:
    """Of a call's parameters."""
    given = params["thresholds"]
    return (0,) if given is None else tuple(int(t) for t in given)


def compared(shape: tuple[int, ...], params: Mapping[str, Any]) -> BitsForm:
    """The form of the result. Raises ValueError where there are no thresholds."""
    given = params["thresholds"]
    if given is None:
        return BitsForm(shape)
    if not given:
        raise ValueError("no threshold to compare with")
    return BitsForm((len(given), *shape))
