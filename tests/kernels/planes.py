"""Planes arrays, by their description: 64 values to a word, tile after tile of 512 values, in each
tile plane after plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coterie import _kernels

Words = NDArray[np.uint64]
Truths = NDArray[np.uint8]

TILE = 512


def array(truths: Truths) -> Words:
    """Of truth values (planes, n)."""
    planes, n = truths.shape
    tiles = []
    for start in range(0, n, TILE):
        part = truths[:, start : start + TILE]
        padded = np.zeros((planes, -(-part.shape[1] // 64) * 64), np.uint8)
        padded[:, : part.shape[1]] = part
        tiles.append(np.packbits(padded, axis=1, bitorder="little").reshape(-1).view(np.uint64))
    return np.concatenate([np.zeros(0, np.uint64), *tiles])


def truths(words: Words, planes: int, n: int) -> Truths:
    """Inverse of :func:`array`."""
    parts = [np.zeros((planes, 0), np.uint8)]
    for start in range(0, n, TILE):
        count = min(TILE, n - start)
        size = -(-count // 64)
        tile, words = words[: planes * size], words[planes * size :]
        bits = np.unpackbits(tile.view(np.uint8).reshape(planes, 8 * size), axis=1, bitorder="little")
        parts.append(bits[:, :count])
    assert not words.size
    return np.concatenate(parts, axis=1)


def stream(seeds: list[bytes], id: int, planes: int, n: int, offset: int) -> Words:
    """The sum, modulo 2, of the streams' words for values ``offset`` and following."""
    size, start = planes * -(-n // 64), planes * (offset // 64)
    total = np.zeros(size, np.uint64)
    for seed in seeds:
        total ^= _kernels.prg_u64(seed, id, size, start)
    return total
