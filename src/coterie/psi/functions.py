"""Oblivious pseudo-random functions between a party that asks and several that answer.

Each answerer has a function F of its own, drawn for one run. The *asker* learns F of its own rows, of each
answerer, and nothing about F of others; an *answerer* can compute its F of any row, and learns nothing about
the asker's rows. :class:`Asks` and :class:`Answers` are what a protocol needs of them.

:class:`Blinds` and :class:`Raises` are 2HashDH: with H a hash to the group, r the asker's secret scalar, k an
answerer's, F(x) = hash(H(x)^k, x). The asker sends H(x)^r, the same points to all; an answerer raises each to
k; the asker takes r away. Points are random elements to answerers (decisional Diffie-Hellman, H a random
oracle). Whoever sends what is no element is named, with CT-2003.

:class:`Takes` and :class:`Gives` are the function of vector evaluations (``oprf.py``), one after another with
each answerer. Both need items of their rows, the first halves of the hashes, and a session.

Source of 2HashDH: Jarecki, Kiayias, Krawczyk, "Round-optimal password-protected secret sharing" (2014).
Group: RFC 9496.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import keyed_hashes, okvs_cells, ristretto_hash_mul, ristretto_mul, ristretto_scalar
from coterie.psi import oprf, vole
from coterie.psi.dealt import give_dealt, take_dealt
from coterie.psi.errors import BAD_POINT
from coterie.psi.rows import RandomBytes, chunks
from coterie.psi.statement import HASH_BYTES, ITEM_BYTES, POINT_BYTES

if TYPE_CHECKING:
    from coterie.wire import Mesh

Bytes = NDArray[np.uint8]

_ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the group."""
_VALUE_KEY = b"coterie/psi/value/v2".ljust(32, b"\0")
"""Public: it separates these hashes from all others."""


@dataclass(frozen=True)
class Round:
    """Who asks whom, and what both sides need for it."""

    mesh: Mesh
    asker: str
    answerers: tuple[str, ...]
    asked: int
    """Rows of the asker."""
    chunk: int
    random: RandomBytes
    advance: Callable[[int, str], None]
    """Called with rows that were worked on, and what was done with them."""
    session: bytes = b""
    """16 bytes, the same at all and another in each run; what :class:`Takes` and :class:`Gives` need."""
    dealer: str | None = None
    """Who deals their correlations; None where the two make them between them."""


class Asks(ABC):
    """The asker's side. It MUST draw its secrets when it is made, and use them for one list of rows."""

    def __init__(self, of: Round) -> None:
        self._of = of

    @abstractmethod
    def ask(self, rows: Bytes) -> None:
        """Send what the answerers need for these rows, hashes of shape (n, 32), to all of them."""

    @abstractmethod
    def values(self, peer: str) -> Bytes:
        """F of the rows asked for, of this answerer, in their order: shape (n, 32)."""


class Answers(ABC):
    """An answerer's side. It MUST draw its function when it is made, and answer once."""

    def __init__(self, of: Round) -> None:
        self._of = of

    @abstractmethod
    def answer(self) -> None:
        """Take what the asker sends, and answer it."""

    @abstractmethod
    def values(self, rows: Bytes) -> Bytes:
        """Own F of any rows, hashes of shape (n, 32): shape (n, 32)."""


def hashed(rows: Bytes, key: bytes) -> Bytes:
    """BLAKE3 of each row under that key, shape (n, 32)."""
    cuts = np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int64)
    return keyed_hashes((np.ascontiguousarray(rows).reshape(-1), cuts), key)


def _value(points: Bytes, rows: Bytes) -> Bytes:
    return hashed(np.concatenate([points, rows], axis=1), _VALUE_KEY)


def _times(points: Bytes, scalar: bytes, start: int, peer: str) -> Bytes:
    try:
        return ristretto_mul(points, scalar)
    except ValueError as error:
        raise BAD_POINT(f"from row {start}: {error}", party=peer) from error


class Blinds(Asks):
    """The asker of 2HashDH."""

    def __init__(self, of: Round) -> None:
        super().__init__(of)
        self._scalar = ristretto_scalar(of.random(64))
        self._rows = np.empty((0, HASH_BYTES), dtype=np.uint8)

    def ask(self, rows: Bytes) -> None:
        self._rows = rows
        for start, end in chunks(len(rows), self._of.chunk):
            points = ristretto_hash_mul(rows[start:end], self._scalar)
            for peer in self._of.answerers:
                self._of.mesh.to(peer).send_array("psi/points", points)
            self._of.advance(end - start, "blinding own rows")

    def values(self, peer: str) -> Bytes:
        inverse = pow(int.from_bytes(self._scalar, "little"), -1, _ORDER).to_bytes(32, "little")
        channel, values = self._of.mesh.to(peer), np.empty_like(self._rows)
        for start, end in chunks(len(values), self._of.chunk):
            answers = channel.recv_array("psi/answers", np.uint8, (end - start, POINT_BYTES))
            points = _times(answers, inverse, start, peer)
            values[start:end] = _value(points, self._rows[start:end])
            self._of.advance(end - start, f"reading the answers of {peer}")
        return values


class Raises(Answers):
    """An answerer of 2HashDH."""

    def __init__(self, of: Round) -> None:
        super().__init__(of)
        self._scalar = ristretto_scalar(of.random(64))

    def answer(self) -> None:
        channel = self._of.mesh.to(self._of.asker)
        for start, end in chunks(self._of.asked, self._of.chunk):
            points = channel.recv_array("psi/points", np.uint8, (end - start, POINT_BYTES))
            channel.send_array("psi/answers", _times(points, self._scalar, start, self._of.asker))
            self._of.advance(end - start, f"blinding the rows of {self._of.asker}")

    def values(self, rows: Bytes) -> Bytes:
        values = np.empty((len(rows), HASH_BYTES), dtype=np.uint8)
        for start, end in chunks(len(rows), self._of.chunk):
            part = rows[start:end]
            values[start:end] = _value(ristretto_hash_mul(part, self._scalar), part)
            self._of.advance(end - start, "blinding own rows")
        return values


class Takes(Asks):
    """The asker of functions from vector evaluations."""

    def ask(self, rows: Bytes) -> None:
        self._items = np.ascontiguousarray(rows[:, :ITEM_BYTES])

    def values(self, peer: str) -> Bytes:
        channel, cells, of = self._of.mesh.to(peer), okvs_cells(len(self._items)), self._of
        if of.dealer is not None:
            taken = take_dealt(of.mesh.to(of.dealer), cells)
        else:
            taken = vole.take(channel, cells, random=of.random)
        values = oprf.receive(channel, self._items, taken, of.session, of.random, malicious=False)
        of.advance(len(values), f"values with {peer}")
        return values


class Gives(Answers):
    """An answerer of functions from vector evaluations."""

    def answer(self) -> None:
        channel, cells, of = self._of.mesh.to(self._of.asker), okvs_cells(self._of.asked), self._of
        if of.dealer is not None:
            given = give_dealt(of.mesh.to(of.dealer), cells)
        else:
            given = vole.give(channel, cells, random=of.random)
        self._function = oprf.serve(channel, of.asked, given, of.session, of.random, malicious=False)
        of.advance(of.asked, f"values with {of.asker}")

    def values(self, rows: Bytes) -> Bytes:
        values = self._function(np.ascontiguousarray(rows[:, :ITEM_BYTES]))
        self._of.advance(len(rows), "own values")
        return values
