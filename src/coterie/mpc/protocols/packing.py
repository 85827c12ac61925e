"""The low bits of words, side by side: for openings that need no more of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import low_bits_pack, low_bits_unpack
from coterie.mpc.ring import Words

Bytes = NDArray[np.uint8]


def packed_size(n: int, bits: int) -> int:
    """Bytes of ``n`` values of 1 to 64 bits."""
    return -(-n * bits // 8)


def pack_low(values: Words, bits: int) -> Bytes:
    """The low ``bits`` (1 to 64) of a flat array, lowest first, without gaps."""
    whole = low_bits_pack(values, bits)
    if bits % 8 == 0:
        return whole
    rows = whole.reshape(values.size, packed_size(1, bits))
    return np.packbits(np.unpackbits(rows, axis=1, bitorder="little")[:, :bits], bitorder="little")


def unpack_low(data: Bytes, bits: int, n: int) -> Words:
    """Inverse of :func:`pack_low`: ``n`` values."""
    if bits % 8:
        single = np.unpackbits(data, count=n * bits, bitorder="little").reshape(n, bits)
        data = np.packbits(single, axis=1, bitorder="little").reshape(-1)
    return low_bits_unpack(data, bits)
