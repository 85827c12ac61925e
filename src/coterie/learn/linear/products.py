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


def gram(block: Floats) -> Floats:
    """(width, width): ``block.T @ block``."""
    pieces, rest = _pieces(block, block.shape[1])
    whole: Floats = np.matmul(pieces.transpose(0, 2, 1), pieces).sum(axis=0)
    return whole + rest.T @ rest


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
