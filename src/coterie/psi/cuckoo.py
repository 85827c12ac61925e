"""Cuckoo tables: each item in a bin of its own, one of three that hashes name; bins that are empty stay
empty.

A table has three segments of ``m`` bins, and an item one bin of each, by a hash under a key that is drawn for
the run. :func:`coterie._kernels.cuckoo_places` finds a placement whenever there is one. There is no stash.

*How likely there is none.* By Hall's theorem, where some t items have fewer than t bins together. The
smallest such t items have exactly t - 1, and each of these bins is named by two of them at least: else one
item could be left out with its bin. By the union bound over the items and over how many bins s1 + s2 + s3 = t
- 1 they have in each segment

    Pr <= sum over t, s1, s2, s3 of  C(n, t) · Q(t, s1) · Q(t, s2) · Q(t, s3),

where Q(t, s), that t balls in m bins fall into some s of them, twice into each at least, is at most
C(m, s) · t! · (e^z - 1 - z)^s / (z m)^t for every z > 0: the generating function's coefficient. With
m = ceil(13n / 30) + 224, which is 1.3 n bins in all and some more, that is below 2^-40 for all n, as a test
computes. A party that draws keys until there is a placement so draws a key within 2^-40 of a uniform one.

Sources: Pagh, Rodler, "Cuckoo hashing" (2001); Pinkas, Schneider, Zohner, "Scalable private set intersection
based on OT extension" (2018), section 3.2: 1.27 n bins for three hashes without a stash, by experiments. The
bound here is a proof, and needs 0.03 n more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import cuckoo_places, keyed_hashes
from coterie.psi.errors import NO_TABLE
from coterie.psi.rows import RandomBytes

CHOICES = 3
"""Bins that an item may lie in: one of each segment."""
KEY_BYTES = 32
_TRIES = 8
"""That all of them fail has a probability below 2^-320."""

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]


def segment(items: int) -> int:
    """Bins of each of the three segments."""
    return -(-13 * items // 30) + 224


def bins(items: int) -> int:
    """Bins of the table of so many items."""
    return CHOICES * segment(items)


def named(hashes: Bytes, key: bytes, of: int) -> Places:
    """The bins that items may lie in, shape (n, 3).

    :param hashes: shape (n, 32), of the items.
    :param of: how many items the table is made for.
    """
    cuts = np.arange(0, hashes.size + 1, hashes.shape[1], dtype=np.int64)
    words = keyed_hashes((np.ascontiguousarray(hashes).reshape(-1), cuts), key)[:, : 8 * CHOICES]
    size = segment(of)
    # A remainder is uniform up to a factor of 1 + size / 2^64.
    places = (np.ascontiguousarray(words).view("<u8") % np.uint64(size)).astype(np.int64)
    return places + np.arange(CHOICES) * size


def placed(hashes: Bytes, random: RandomBytes) -> tuple[bytes, Places, NDArray[np.uint32]]:
    """A key under which the items can be placed; the bins that each may lie in; and in which of them it does,
    from 0 to 2.

    Errors: CT-2007 (below 2^-320 for different items).
    """
    for _ in range(_TRIES):
        key = random(KEY_BYTES)
        places = named(hashes, key, len(hashes))
        try:
            return key, places, cuckoo_places(places, bins(len(hashes)))
        except ArithmeticError:
            continue
    raise NO_TABLE(f"{len(hashes)} items in {bins(len(hashes))} bins")
