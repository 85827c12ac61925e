"""Which rows are for the test: a function of the id alone, so that every party finds the same."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import keyed_hashes

__all__ = ["is_test"]

DOMAIN = b"coterie/split/v1\x00"


def is_test(keys: NDArray[np.uint8], test: float, salt: str) -> NDArray[np.bool_]:
    """Draw each row by the keyed BLAKE3 hash of its id's keyed hash.

    A row stays on its side when other rows come or go, and with a larger ``test`` no row leaves the test.

    :param keys: (n, 32) keyed id hashes.
    :param test: expected share of test rows.
    :param salt: part of the hash key.
    :return: (n,) true for test rows.
    """
    key = hashlib.sha256(DOMAIN + salt.encode()).digest()
    offsets = np.arange(0, 32 * len(keys) + 1, 32, dtype=np.int64)
    drawn = keyed_hashes((np.ascontiguousarray(keys).ravel(), offsets), key)
    return drawn[:, :8].copy().view("<u8").ravel() < np.uint64(int(test * 2**64))
