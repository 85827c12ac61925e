"""What every protocol of set intersection needs of rows: their order, their checks, their chunks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import sort_tags
from coterie.psi.errors import BAD_CALL, DUPLICATE_IDS, NO_ROWS
from coterie.psi.statement import HASH_BYTES, ITEM_BYTES

CHUNK = 8192
"""Rows of a message: 0.1 s of work or less, so that progress is seen and the network is never idle long."""

MAX_ROWS = 1 << 40
"""Above it a row count is an error, and a tag would be longer than 16 bytes with some peer."""

Progress = Callable[[int, int, str], None]
RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True)
class Alignment:
    """The rows that all parties have in common."""

    indices: NDArray[np.int64]
    """Own row numbers, in the order that all parties have."""

    def __len__(self) -> int:
        return len(self.indices)


def chunks(rows: int, size: int) -> list[tuple[int, int]]:
    return [(start, min(start + size, rows)) for start in range(0, rows, size)]


def permutation(rows: int, random: RandomBytes) -> NDArray[np.int64]:
    """A uniform permutation: random keys of 128 bits, sorted. That two of them are equal has a probability
    below rows^2 / 2^129.
    """
    keys = np.frombuffer(random(16 * rows), dtype="<u8").reshape(2, rows)
    return sort_tags(np.ascontiguousarray(keys[::-1].T.astype(">u8")).view(np.uint8))


def gathered(values: NDArray[np.uint8], order: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Rows of (n, w) bytes in another order: as wholes, which is many times faster than as bytes."""
    width = values.shape[1]
    wholes = np.ascontiguousarray(values).view(f"V{width}").ravel()
    return wholes.take(order).view(np.uint8).reshape(-1, width)


def leading(hashes: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """The first 8 or 16 bytes of each hash, shape (n, width)."""
    wholes = np.ascontiguousarray(hashes).view(f"V{width}")[:, 0]
    return np.ascontiguousarray(wholes).view(np.uint8).reshape(-1, width)


def check(hashes: NDArray[np.uint8], peer_rows: list[int], chunk: int) -> None:
    """Refuse arguments that no run can work with."""
    if hashes.dtype != np.uint8 or hashes.ndim != 2 or hashes.shape[1] != HASH_BYTES:
        raise BAD_CALL(f"hashes of type {hashes.dtype} and shape {hashes.shape}, not uint8 and (n, 32)")
    if chunk < 1 or max(*peer_rows, len(hashes)) > MAX_ROWS:
        given = " and ".join(str(rows) for rows in (len(hashes), *peer_rows))
        raise BAD_CALL(f"{given} rows in chunks of {chunk}")
    if len(hashes) < 1:
        raise NO_ROWS("this party's dataset is empty")
    if min(peer_rows) < 1:
        raise NO_ROWS("the peer's dataset is empty")


def check_distinct(hashes: NDArray[np.uint8]) -> None:
    """Refuse own duplicates before anything is sent: alignment would have to choose between them."""
    # Most sets are found to be distinct by their first eight bytes, which is twice as fast.
    for width in (8, ITEM_BYTES):
        # Different ids whose hashes agree in 16 of 32 bytes do not occur.
        items = leading(hashes, width)
        order = sort_tags(items)
        words = gathered(items, order).view(np.uint64)
        same = (words[1:] == words[:-1]).all(axis=1)
        if not same.any():
            return
    at = int(np.argmax(same))
    first, second = sorted((int(order[at]), int(order[at + 1])))
    more = int(same.sum()) - 1
    also = f", and {more} more rows repeat an id" if more else ""
    raise DUPLICATE_IDS(f"rows {first} and {second}, counted from 0{also}")
