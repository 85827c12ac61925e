"""Ids: one form for all parties, and keyed hashes, the only thing that is ever compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coterie import _kernels

from .errors import HEADER_REPEATED, ID_DUPLICATE, ID_NULL, KEY_INVALID
from .schema import IdRule

__all__ = ["checked_ids", "keyed_ids", "normalise"]

KEY_BYTES = 32

_STEPS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "nfkc": lambda ids: pc.utf8_normalize(ids, form="NFKC"),
    "trim": pc.utf8_trim_whitespace,
    "lower": pc.utf8_lower,
    "upper": pc.utf8_upper,
    "digits": lambda ids: pc.replace_substring_regex(ids, pattern="[^0-9]+", replacement=""),
    # The last zero of "000" stays: a number that is zero is still an id.
    "strip-leading-zeros": lambda ids: pc.replace_substring_regex(ids, pattern="^0+(.)", replacement=r"\1"),
}


def normalise(ids: pa.Array, rule: Sequence[IdRule]) -> pa.LargeStringArray:
    """The ids (integers or strings) as text, after the steps of ``rule`` in their order. Nulls stay null."""
    result = pc.cast(ids, pa.large_string())
    if isinstance(result, pa.ChunkedArray):
        result = pa.concat_arrays(result.chunks) if result.num_chunks else pa.array([], pa.large_string())
    for step in rule:
        result = _STEPS[step](result)
    return result


def checked_ids(
    raw: pa.ChunkedArray, column: str, rule: Sequence[IdRule], place: Callable[[int], str]
) -> pa.LargeStringArray:
    """The normalised ids, none null or empty, all different.

    :param place: says where row ``i`` (from 0) is in the file.

    Raises CT-1440, CT-1441, CT-1423.
    """
    ids = normalise(raw, rule)
    empty = pc.or_kleene(pc.is_null(ids), pc.equal(ids, ""))
    row = pc.index(pc.fill_null(empty, True), True).as_py()
    if row >= 0:
        why = "no value" if not raw[row].is_valid else "nothing left of the value after the id rule"
        raise ID_NULL(f"column '{column}', {place(row)}: {why}")
    if not pa.types.is_integer(raw.type) and (row := pc.index(raw, pa.scalar(column, raw.type)).as_py()) >= 0:
        raise HEADER_REPEATED(place(row))
    _refuse_duplicates(ids, column, place)
    return ids


def _refuse_duplicates(ids: pa.LargeStringArray, column: str, place: Callable[[int], str]) -> None:
    codes = np.asarray(ids.dictionary_encode().indices)
    if len(codes) == 0 or int(codes.max()) + 1 == len(codes):
        return
    # Codes count up with first occurrences: the first row that brings no new one repeats an earlier row.
    second = int(np.flatnonzero(codes != np.arange(len(codes)))[0])
    first = int(np.flatnonzero(codes == codes[second])[0])
    raise ID_DUPLICATE(f"column '{column}', {place(first)} and {place(second)}, compared by the id rule")


def keyed_ids(ids: pa.LargeStringArray, key: bytes) -> NDArray[np.uint8]:
    """(n, 32): BLAKE3 of each normalised id, keyed with the 32 bytes that the parties of an agreement share.

    Raises CT-1442 for a key of another length.
    """
    if len(key) != KEY_BYTES:
        raise KEY_INVALID(f"{len(key)} bytes")
    if len(ids) == 0:
        return np.zeros((0, 32), np.uint8)
    _, offsets, text = ids.buffers()
    bounds = np.frombuffer(offsets, np.int64)[ids.offset : ids.offset + len(ids) + 1]
    content = np.zeros(0, np.uint8) if text is None else np.frombuffer(text, np.uint8)
    window = content[bounds[0] : bounds[-1]]
    return _kernels.keyed_hashes((window, bounds - bounds[0]), key)
