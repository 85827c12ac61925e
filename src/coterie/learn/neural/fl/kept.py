"""Where a training stands after a round, kept at home so that one that broke off can go on.

A party keeps its last two rounds: another may have been a round behind when the training broke off. All go on
after the last round that all have, which a total tells. The file holds, little-endian: magic (16 bytes), a
digest of what it is for (32), then for each state its length (8 bytes), a JSON header with its own length (4)
and plain float64, and in the end SHA-256 of all that.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coterie.crypto import canonical, parse_json
from coterie.errors import CoterieError
from coterie.fl import Sums
from coterie.learn.neural.statement import GONE_ON
from coterie.learn.pooled import WHOLE

from .server import Server, flat, unflat
from .setting import Setting
from .trainer import Arrays, Floats, Layout

if TYPE_CHECKING:
    from coterie.psi import Checkpoint

__all__ = ["Kept", "Place", "agreed", "kept_bytes"]

_MAGIC = b"coterie neural\0\1"
_HEADER = struct.Struct("<QI")
_LIMIT = 4 << 20
_BITS = 20

Losses = Annotated[list[float], Field(max_length=10_000)]


@dataclass(frozen=True)
class Kept:
    """After a round."""

    round: int
    """How many are done."""
    server: Server
    head: Arrays
    """Own last layers."""
    control: Floats
    """Own variate of SCAFFOLD, times the learning rate; empty with other strategies."""
    history: dict[str, list[float]]
    best: tuple[Server, Arrays] | None
    """Of the round with the lowest loss of rows held back, where any are."""
    best_round: int

    @property
    def digest(self) -> int:
        """Of what all parties have alike: 20 bits."""
        said = {"round": self.round, "history": self.history, "best": self.best_round}
        found = hashlib.sha256(canonical(said))
        for server in (self.server, *(self.best or ())[:1]):
            for one in server.arrays:
                found.update(one.astype("<f8").tobytes())
        return int.from_bytes(found.digest()[:4], "little") % (1 << _BITS)


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
    round: int = Field(ge=1)
    history: dict[str, Losses] = Field(max_length=3)
    best: int = Field(ge=0)
    has_best: bool


class Place:
    """A party's own file."""

    def __init__(self, checkpoint: Checkpoint | None, setting: Setting, purpose: bytes, first: Kept) -> None:
        """:param first: before the first round: what is read has arrays of the same sizes."""
        self._checkpoint, self._setting, self._purpose, self._first = checkpoint, setting, purpose, first
        self.states: dict[int, Kept] = {}
        """By round; none before anything is kept."""
        if checkpoint is not None and (data := checkpoint.load()) is not None:
            self.states = {one.round: one for one in self._read(data)}

    @property
    def first(self) -> Kept:
        """Before the first round."""
        return self._first

    def used(self) -> None:
        """The training goes on with what was kept."""
        if self._checkpoint is not None:
            self._checkpoint.used()

    def keep(self, kept: Kept) -> None:
        """Keep it, beside the state before it."""
        self.states = {one: state for one, state in self.states.items() if one == kept.round - 1}
        self.states[kept.round] = kept
        if self._checkpoint is None:
            return
        parts = [_MAGIC, self._purpose, *(_written(one) for one in self.states.values())]
        data = b"".join(parts)
        self._checkpoint.save(data + hashlib.sha256(data).digest())

    def _read(self, data: bytes) -> list[Kept]:
        """What was kept, if it is for this; else nothing: a training can always begin anew."""
        start = len(_MAGIC) + len(self._purpose)
        body, check = data[:-32], data[-32:]
        whole = len(data) >= start + 32 and hashlib.sha256(body).digest() == check
        if not whole or body[:start] != _MAGIC + self._purpose:
            return []
        found = []
        try:
            while start < len(body):
                length, header = _HEADER.unpack_from(body, start)
                start += _HEADER.size
                if length > len(body) - start or header > min(length, _LIMIT):
                    return []
                found.append(self._state(body[start : start + length], header))
                start += length
        except (CoterieError, ValidationError, ValueError, struct.error):
            return []
        return found

    def _state(self, data: bytes, header: int) -> Kept:
        said = _Header.model_validate(parse_json(data[:header], limit=_LIMIT))
        numbers = np.frombuffer(data[header:], "<f8").astype(np.float64)
        params, layout = self._setting.params, _head_layout(self._setting)
        sizes = [len(one) for one in self._first.server.arrays]
        of_head, own = sum(one.size for one in layout), len(self._first.control)
        once = sum(sizes) + of_head
        if len(numbers) != once * (1 + said.has_best) + own or not np.isfinite(numbers).all():
            raise ValueError("size of the arrays")
        if not said.best <= said.round <= params.rounds:
            raise ValueError("rounds")

        def server_at(place: int) -> tuple[Server, Arrays]:
            parts = np.split(numbers[place : place + once], np.cumsum(sizes))
            return Server.of(tuple(parts[:-1]), params), unflat(parts[-1], layout)

        server, head = server_at(0)
        best = server_at(once + own) if said.has_best else None
        return Kept(said.round, server, head, numbers[once : once + own], said.history, best, said.best)


def _head_layout(setting: Setting) -> Layout:
    common = {one.name for one in setting.common}
    return tuple(one for one in setting.layout if one.name not in common)


def _written(kept: Kept) -> bytes:
    header = canonical(
        {
            "round": kept.round,
            "history": kept.history,
            "best": kept.best_round,
            "has_best": kept.best is not None,
        }
    )
    arrays = [*kept.server.arrays, _flat(kept.head), kept.control]
    if kept.best is not None:
        arrays += [*kept.best[0].arrays, _flat(kept.best[1])]
    body = header + b"".join(one.astype("<f8").tobytes() for one in arrays)
    return _HEADER.pack(len(body), len(header)) + body


def _flat(arrays: Arrays) -> Floats:
    return flat(arrays) if arrays else np.zeros(0)


def kept_bytes(setting: Setting) -> int:
    """That a party's file takes, at most."""
    arrays = {"fedadam": 3, "scaffold": 3}.get(setting.params.strategy, 1)
    numbers = 2 * (arrays * setting.size + sum(one.size for one in setting.layout))
    return 2 * (8 * numbers + 100 * setting.params.rounds + 1024)


def agreed(place: Place, sums: Sums, setting: Setting) -> Kept:
    """The state after the last round that all parties have kept, and have alike: but for one of a million
    differences."""
    own = np.zeros((3, setting.params.rounds + 1))
    for number, state in place.states.items():
        own[:, number] = 1.0, state.digest, state.digest**2
    counts, digests, squares = sums.total(GONE_ON, own, WHOLE)
    many = len(setting.rows)
    # Cauchy's inequality is an equation for equal ones.
    fit = np.flatnonzero((counts == many) & (many * squares == digests**2))
    if not len(fit) or int(fit[-1]) not in place.states:
        return place.first
    place.used()
    return place.states[int(fit[-1])]
