"""Products of a block of rows with small matrices, in pieces that BLAS does on the calling thread.

Its own threads would wait for each other by spinning, and where several parties of a job share a machine that
makes a product take ten to a hundred times as long. With matrices this small, one thread is as fast.
"""

from __future__ import annotations

import numpy as np

from coterie.learn.linear.params import Floats

__all__ = ["gram", "turned"]

_ALONE = 1 << 18
"""Multiplications from which on OpenBLAS takes several threads."""
_TILE = 128
"""Columns of a piece. Of many columns, pieces would be of one row each, and their products larger than all
rows."""
_HELD = 1 << 21
"""Numbers in the products of pieces that are there at once."""


def gram(block: Floats) -> Floats:
    """(width, width): ``block.T @ block``."""
    tiles = [slice(start, start + _TILE) for start in range(0, block.shape[1], _TILE)]
    whole = np.empty((block.shape[1], block.shape[1]))
    for number, left in enumerate(tiles):
        for right in tiles[number:]:
            whole[left, right] = _product(block[:, left], block[:, right])
            whole[right, left] = whole[left, right].T
    return whole


def _product(left: Floats, right: Floats) -> Floats:
    """``left.T @ right``."""
    size = left.shape[1] * right.shape[1]
    ours, own_rest = _pieces(left, right.shape[1])
    theirs, their_rest = _pieces(right, left.shape[1])
    whole: Floats = own_rest.T @ their_rest
    held = max(1, _HELD // max(1, size))
    for start in range(0, len(ours), held):
        part = slice(start, start + held)
        whole += np.matmul(ours[part].transpose(0, 2, 1), theirs[part]).sum(axis=0)
    return whole


def turned(block: Floats, matrix: Floats) -> Floats:
    """(rows, n): ``block @ matrix``."""
    pieces, rest = _pieces(block, matrix.shape[1])
    result = np.empty((len(block), matrix.shape[1]))
    done = len(block) - len(rest)
    np.matmul(pieces, matrix, out=result[:done].reshape(*pieces.shape[:2], matrix.shape[1]))
    np.matmul(rest, matrix, out=result[done:])
    return result


def _pieces(block: Floats, columns: int) -> tuple[Floats, Floats]:
    """(number, rows, width) equal pieces, and the rows that are left."""
    rows, width = block.shape
    step = max(1, _ALONE // max(1, width * columns))
    number = rows // step
    whole = number * step
    return block[:whole].reshape(number, step, width), block[whole:]
