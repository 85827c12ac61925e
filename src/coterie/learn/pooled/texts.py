"""Which texts the pooled rows have, by sums alone, and so that no sum tells of few rows.

A party counts a text where at least as many of its own rows as the smallest group have it, and otherwise
keeps silent of it. Counts are taken by hash: of each slot of a table, how many parties have a text there, how
many rows, and the sums of the texts' short digests and of their squares, which fit together only where all
have the same text. Texts that share a slot with another one are counted again, under other hashes. Then the
texts themselves are told, each as the sum of its holders' bytes, divided by their number in that total: it
may be of other parties than the counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.component import Total
from coterie.learn.pooled.wide import WHOLE, Adding

__all__ = ["frequent_texts", "text_totals"]

HELD = (
    "by hash of texts that at least the smallest group of a party's rows has: how many parties have one, how "
    "many rows, and sums of its digests"
)
TEXTS = "the most frequent of these texts of each column"

SLOTS = 1 << 12
TRIES = 4
"""Tables, each for the texts that met another one in the table before. Of hundreds, hardly one is left."""
LONGEST = 256
"""Bytes of a text that can be told."""
_DIGEST = 20
_PIECE = 4
_PIECES = 2 + LONGEST // _PIECE

Integers = NDArray[np.int64]


def text_totals(columns: int, most: int) -> tuple[Total, ...]:
    """What :func:`frequent_texts` takes.

    :param most: texts of a column.
    """
    if not columns:
        return ()
    return (
        Total(HELD, columns * SLOTS * 4, WHOLE, times=TRIES, fewer=True),
        Total(TEXTS, columns * most * _PIECES, WHOLE, fewer=True),
    )


@dataclass(frozen=True)
class _Found:
    """A text that is known by its hash."""

    round: int
    slot: int
    digest: int
    rows: int


def frequent_texts(
    adding: Adding, columns: Sequence[Mapping[str, int]], most: int, least: int
) -> list[dict[str, int]]:
    """For each column the texts with the most rows, and these rows; of equals, those of lower hashes are
    taken. All parties call it.

    :param columns: rows by text of this party.
    """
    own = [
        {text: rows for text, rows in one.items() if rows >= max(1, least) and len(_bytes(text)) <= LONGEST}
        for one in columns
    ]
    found: list[list[_Found]] = [[] for _ in columns]
    left, open_ = [dict(one) for one in own], list(range(len(columns)))
    for number in range(TRIES):
        if not open_:
            break
        tables = np.concatenate([_table(left[column], number) for column in open_])
        told = _whole(adding(HELD, tables.ravel().astype(np.float64), WHOLE)).reshape(-1, SLOTS, 4)
        still = []
        for column, table in zip(open_, told, strict=True):
            found[column] += _known(table, number)
            mixed = _mixed(table)
            again = [text for text in left[column] if mixed[_hash(text, number)[0]]]
            left[column] = {text: own[column][text] for text in again}
            if mixed.any():
                still.append(column)
        open_ = still
    for one in found:
        one.sort(key=lambda known: (-known.rows, known.round, known.slot))
        del one[most:]
    return _told(adding, own, found)


def _hash(text: str, number: int) -> tuple[int, int]:
    """Slot, and digest."""
    whole = int.from_bytes(hashlib.sha256(b"%d:" % number + _bytes(text)).digest()[:8], "little")
    return whole % SLOTS, 1 + whole // SLOTS % ((1 << _DIGEST) - 1)


def _bytes(text: str) -> bytes:
    return text.encode()


def _table(texts: Mapping[str, int], number: int) -> Integers:
    """(1, slots, 4) of one party: holders, rows, digests, their squares."""
    table = np.zeros((1, SLOTS, 4), np.int64)
    for text, rows in texts.items():
        slot, digest = _hash(text, number)
        table[0, slot] += (1, rows, digest, digest * digest)
    return table


def _mixed(table: Integers) -> NDArray[np.bool_]:
    """(slots,) whether different texts met. By Cauchy's inequality, which is an equation for equal ones."""
    return np.asarray(table[:, 0] * table[:, 3] != table[:, 2] ** 2)


def _known(table: Integers, number: int) -> list[_Found]:
    slots = np.flatnonzero((table[:, 0] > 0) & ~_mixed(table)).tolist()
    rows = table.tolist()
    return [_Found(number, slot, rows[slot][2] // rows[slot][0], rows[slot][1]) for slot in slots]


def _told(
    adding: Adding, own: Sequence[Mapping[str, int]], found: Sequence[Sequence[_Found]]
) -> list[dict[str, int]]:
    pieces = np.zeros((sum(map(len, found)), _PIECES), np.int64)
    if not len(pieces):
        return [{} for _ in found]
    place = 0
    for texts, known in zip(own, found, strict=True):
        here = {(number, *_hash(text, number)): text for text in texts for number in range(TRIES)}
        for one in known:
            text = here.get((one.round, one.slot, one.digest))
            if text is not None:
                pieces[place] = _pieces(text)
            place += 1
    told = _whole(adding(TEXTS, pieces.ravel().astype(np.float64), WHOLE)).reshape(-1, _PIECES)
    rows = iter(told)
    named = [[(next(rows), one.rows) for one in known] for known in found]
    # A text that nobody tells was held by whom the job went on without.
    return [{_text(pieces): many for pieces, many in one if pieces[0] > 0} for one in named]


def _pieces(text: str) -> Integers:
    """(pieces,): one holder, the length, then four bytes each."""
    given = _bytes(text)
    padded = np.frombuffer(given.ljust(LONGEST, b"\x00"), "<u4").astype(np.int64)
    return np.concatenate([[1, len(given)], padded])


def _text(pieces: Integers) -> str:
    """:param pieces: added up over the text's holders."""
    length, *rest = (pieces[1:] // pieces[0]).tolist()
    return np.array(rest, "<u8").astype("<u4").tobytes()[:length].decode(errors="replace")


def _whole(told: NDArray[np.float64]) -> Integers:
    return np.rint(told).astype(np.int64)
