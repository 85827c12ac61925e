"""An oblivious key-value store of short values: a table that gives each of its keys a value, and shows none.

A value is the exclusive or of some cells, which the key says. Of all tables that have the values, the one
that is made is uniformly random: so where the values are uniform the whole table is, whatever the keys. Who
knows neither learns nothing from it but its size. How it is done and how rarely it fails is said in
``kernels/src/okvs.rs``.

The kernels work on cells of 16 bytes. Each byte of a value depends on the same bytes of cells only: cells cut
to a few bytes are a store of values cut to as many.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import okvs_cells, okvs_decode, okvs_encode
from coterie.psi.errors import NO_TABLE

KEY_BYTES = 16
CELL_BYTES = 16
RANDOM_BYTES = 32
"""That a table takes."""

_SESSION = b"coterie/psi/many"
"""Keys are as good as random, so that their cells may be public functions of them."""

Bytes = NDArray[np.uint8]


def cells(keys: int) -> int:
    """Cells of the table of so many keys."""
    return okvs_cells(keys)


def wide(count: int) -> Bytes:
    """Room for so many values or cells, cut ones to be written into the first columns; shape (count, 16)."""
    return np.zeros((count, CELL_BYTES), dtype=np.uint8)


def encode(keys: Bytes, values: Bytes, random: Callable[[int], bytes]) -> Bytes:
    """A uniformly random table in which these keys have these values, shape (cells, 16).

    :param keys: shape (n, 16), pseudo-random.
    :param values: shape (n, 16).
    :param random: the source of what is free.

    Errors: CT-2007 (no table has these values: keys repeat, or a chance below 2^-40).
    """
    try:
        return okvs_encode(keys, values, _SESSION, random(RANDOM_BYTES))
    except ArithmeticError as error:
        raise NO_TABLE(str(error)) from error


def decode(table: Bytes, keys: Bytes, of: int) -> Bytes:
    """The values of these keys, shape (m, 16); of a key that is not in the table, the exclusive or of cells.

    :param table: shape (cells, 16), of ``of`` keys. Where cells are cut, zeros stand for what is missing, and
        what stands there in the values means nothing.
    """
    return okvs_decode(table, keys, _SESSION, of)
