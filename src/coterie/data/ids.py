"""Ids: one form for all parties, and keyed hashes, the only thing that is ever compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coterie import _kernels

from .errors import HEADER_REPEATED, ID_DUPLICATE, ID_NONE, ID_NULL, KEY_INVALID
from .rules import normalise, text_buffers
from .schema import Column, DatasetFacts, DatasetSpec, Duplicates, IdRule, MissingIds

__all__ = [
    "Groups",
    "Ids",
    "Policy",
    "column_words",
    "composed",
    "decomposed",
    "id_tags",
    "keyed_ids",
    "present",
    "read_ids",
]

KEY_BYTES = 32
_DIGITS = 19
"""Of the longest length that is written before a part."""

_HASHED = 1 << 16
"""Ids whose hashes are in memory at once."""
_DISTINCT_KEY = b"coterie/data/distinct/v1".ljust(KEY_BYTES, b"\0")

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Policy:
    """How ids are read: rules by column, and what becomes of rows without an id and of equal ids."""

    columns: tuple[Column, ...]
    rules: tuple[tuple[IdRule, ...], ...]
    missing: MissingIds = "refuse"
    duplicates: Duplicates = "refuse"

    @classmethod
    def of(cls, schema: DatasetSpec | DatasetFacts) -> Policy:
        """As the owner has declared it; with the rules alone of what others are told."""
        if isinstance(schema, DatasetSpec):
            return cls(schema.id_columns, schema.rules, schema.missing_ids, schema.duplicates)
        return cls(schema.id_columns, schema.rules)


@dataclass(frozen=True)
class Groups:
    """The rows of each id, where an id has several: those of id ``i`` are
    ``rows[offsets[i]:offsets[i + 1]]``, ascending, at least one."""

    offsets: Rows
    """(ids + 1,) ascending from 0."""
    rows: Rows
    """(rows,) each row number of the table once."""

    def of(self, ids: Rows) -> tuple[Rows, Rows]:
        """The rows of the ids at these places: (m,) row numbers, id after id, and (len(ids),) how many each
        has."""
        counts = np.diff(self.offsets)[ids]
        starts = np.repeat(self.offsets[ids] - np.cumsum(counts) + counts, counts)
        return self.rows[starts + np.arange(len(starts))], counts


@dataclass(frozen=True)
class Ids:
    """The different ids of a table, by their first rows, and which rows of the file they are of."""

    values: pa.LargeStringArray
    """(ids,): normalised, composed where there are several columns, not null, not empty, all different."""
    kept: Rows | None
    """(rows,): rows of the file that make up the table, ascending; None for all of them."""
    groups: Groups | None
    """Rows of the table by id; None where row ``i`` is that of id ``i``."""
    read: int
    """Rows in the file."""
    skipped: int
    """Rows left out for want of an id."""

    @property
    def rows(self) -> int:
        """Of the table."""
        return self.read if self.kept is None else len(self.kept)

    @property
    def repeated(self) -> int:
        """Rows left out because a row before them has their id."""
        return self.read - self.skipped - self.rows


def read_ids(raw: Sequence[pa.ChunkedArray], policy: Policy, place: Callable[[int], str]) -> Ids:
    """The ids of a table.

    :param raw: (rows,) values of the id columns, in their order.
    :param place: says where row ``i`` (from 0) is in the file.

    Raises CT-1440, CT-1441, CT-1423, CT-1444.
    """
    ids, kept = present(raw, policy, place)
    read = len(raw[0])
    if not len(ids):
        raise ID_NONE(f"in {read} rows")
    values, firsts, groups = _distinct(ids, kept, policy, place)
    if firsts is not None:
        kept = firsts if kept is None else kept[firsts]
    return Ids(values, kept, groups, read, read - len(ids))


def present(
    raw: Sequence[pa.ChunkedArray], policy: Policy, place: Callable[[int], str]
) -> tuple[pa.LargeStringArray, Rows | None]:
    """The ids of the rows that have one, equal ones too, and which rows these are; None for all.

    Raises CT-1441, CT-1423.
    """
    for values, column in zip(raw, policy.columns, strict=True):
        if not pa.types.is_integer(values.type):
            header = pc.index(values, pa.scalar(column.name, values.type)).as_py()
            if header >= 0:
                raise HEADER_REPEATED(place(header))
    parts = [normalise(values, rule) for values, rule in zip(raw, policy.rules, strict=True)]
    absent = np.zeros(len(parts[0]), np.bool_)
    for values, part, column in zip(raw, parts, policy.columns, strict=True):
        empty = pc.fill_null(pc.or_kleene(pc.is_null(part), pc.equal(part, "")), True)
        if policy.missing == "refuse" and (row := pc.index(empty, True).as_py()) >= 0:
            raise ID_NULL(f"column '{column.name}', {place(row)}: {_why(values[row].is_valid, part[row])}")
        absent |= empty.to_numpy(zero_copy_only=False)
    kept: Rows | None = None
    if absent.any():
        kept = np.flatnonzero(~absent)
        parts = [part.take(pa.array(kept)) for part in parts]
    return composed(parts), kept


def _why(given: bool, part: pa.Scalar) -> str:
    if not given:
        return "no value"
    return "nothing left of the value after the id rule" if part.is_valid else "the id rule takes it for none"


def _distinct(
    ids: pa.LargeStringArray, kept: Rows | None, policy: Policy, place: Callable[[int], str]
) -> tuple[pa.LargeStringArray, Rows | None, Groups | None]:
    """Different ids, their first rows where only those stay, their rows where all do."""
    if _all_different(ids):
        return ids, None, None
    encoded = ids.dictionary_encode()
    codes = np.asarray(encoded.indices)
    # Codes count up with first occurrences: what brings no new one repeats an earlier row.
    if len(codes) == 0 or int(codes.max()) + 1 == len(codes):
        return ids, None, None
    if policy.duplicates == "refuse":
        second = int(np.flatnonzero(codes != np.arange(len(codes)))[0])
        first = int(np.flatnonzero(codes == codes[second])[0])
        where = [place(row if kept is None else int(kept[row])) for row in (first, second)]
        raise ID_DUPLICATE(
            f"{column_words(policy.columns)}, {where[0]} and {where[1]}, compared by the id rule"
        )
    if policy.duplicates == "first":
        highest = np.maximum.accumulate(codes)
        firsts = np.flatnonzero(np.concatenate([[True], highest[1:] > highest[:-1]]))
        return encoded.dictionary, firsts, None
    order = np.argsort(codes, kind="stable").astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(codes))]).astype(np.int64)
    return encoded.dictionary, None, Groups(offsets, order)


def column_words(columns: Sequence[Column]) -> str:
    """The names as errors tell them."""
    names = ", ".join(f"'{column.name}'" for column in columns)
    return f"{'column' if len(columns) == 1 else 'columns'} {names}"


def _all_different(ids: pa.LargeStringArray) -> bool:
    """Whether they are, by hashes in order: several times faster than a dictionary, which is made where two
    are equal: of ids that repeat, or by chance.
    """
    words = id_tags(ids)
    words.sort()
    return not (words[1:] == words[:-1]).any()


def id_tags(ids: pa.LargeStringArray) -> NDArray[np.uint64]:
    """(n,) hashes of 64 bits, by which repeated ids are found: others agree by chance alone."""
    content, bounds = text_buffers(ids)
    tags = np.empty(len(ids), np.uint64)
    for start in range(0, len(ids), _HASHED):
        part = tags[start : start + _HASHED]
        window = (content, bounds[start : start + len(part) + 1])
        part[:] = _kernels.keyed_hashes(window, _DISTINCT_KEY).view(np.uint64)[:, 0]
    return tags


def composed(parts: Sequence[pa.LargeStringArray]) -> pa.LargeStringArray:
    """One text of the parts of an id: of each part its length in bytes, a colon, and the part, as in
    ``5:alice10:1990-01-01``. Different parts give different texts. A single part stays as it is.
    """
    if len(parts) == 1:
        return parts[0]
    written = []
    for part in parts:
        written += [
            pc.cast(pc.binary_length(part), pa.large_string()),
            pa.scalar(":", pa.large_string()),
            part,
        ]
    return pc.binary_join_element_wise(*written, pa.scalar("", pa.large_string()))


def decomposed(ids: pa.LargeStringArray, count: int) -> list[pa.LargeStringArray]:
    """The ``count`` parts of texts that :func:`composed` has made."""
    if count == 1:
        return [ids]
    content, bounds = text_buffers(ids)
    at = bounds[:-1].copy()
    parts = []
    for _ in range(count):
        length = np.zeros(len(at), np.int64)
        reading = np.arange(len(at))
        for _ in range(_DIGITS + 1):
            reading = reading[content[at[reading]] != ord(":")]
            length[reading] = 10 * length[reading] + content[at[reading]] - ord("0")
            at[reading] += 1
        at += 1
        inside = np.zeros(len(content) + 1, np.int8)
        inside[at] += 1
        inside[at + length] -= 1
        offsets = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
        text = content[np.cumsum(inside[:-1], dtype=np.int8).view(np.bool_)]
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
        parts.append(pa.Array.from_buffers(pa.large_string(), len(at), buffers))
        at += length
    return parts


def keyed_ids(ids: pa.LargeStringArray, key: bytes) -> NDArray[np.uint8]:
    """(n, 32): BLAKE3 of each normalised id, keyed with the 32 bytes that the parties of an agreement share.

    Raises CT-1442 for a key of another length.
    """
    if len(key) != KEY_BYTES:
        raise KEY_INVALID(f"{len(key)} bytes")
    if len(ids) == 0:
        return np.zeros((0, 32), np.uint8)
    return _kernels.keyed_hashes(text_buffers(ids), key)
