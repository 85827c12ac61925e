"""Secrets of a sum, their shares, and the masks that are made of them.

A contributor's values go out under three masks, each as long as they are:

* its own, of a random seed;
* with each neighbour one that both have, of an X25519 agreement: the lower place adds it, the higher takes it
  off;
* where the total is to be hidden, the group's, which all contributors add alike. c of them add c times one
  mask G: c G is uniform on the multiples of the greatest power of two that divides c, and values have zeros
  below that (``fixed.py``), so that the coordinator sees a uniform total.

The seed of the own mask and the seed of which the masking key is made, 16 bytes each, are shared by Shamir's
scheme over GF(2^128). The point of a share is the holder's place in the roster, plus one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from coterie._kernels import mask_values, shamir_join, shamir_share
from coterie.fl.fixed import Ring
from coterie.fl.session import SEED, derived

RandomBytes = Callable[[int], bytes]

_NONCE = bytes(12)
"""Of seals: each key seals once."""
_KEY_LABEL = b"coterie/fl/masking key\0"


def agreement_key(seed: bytes) -> X25519PrivateKey:
    """The X25519 key that a seed of 16 bytes makes."""
    return X25519PrivateKey.from_private_bytes(hashlib.sha256(_KEY_LABEL + seed).digest())


def raw(key: X25519PrivateKey) -> bytes:
    """The public key, 32 bytes."""
    return key.public_key().public_bytes_raw()


@lru_cache(maxsize=1)
def _probe() -> X25519PrivateKey:
    return X25519PrivateKey.generate()


def usable(public: bytes) -> bool:
    """Whether an agreement with this key has a secret: not so for the few points of small order."""
    return agreed(_probe(), public) is not None


def agreed(own: X25519PrivateKey, public: bytes) -> bytes | None:
    """The secret of two (RFC 7748), None where it would be zero for any key."""
    try:
        return own.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        return None


def pair_seed(said: bytes, secret: bytes, one: int, other: int) -> bytes:
    """The seed of the mask of a pair, in whichever order.

    :param said: digest of all up to the list of those who have shared: where two were told different lists,
        their masks do not cancel, and their values stay hidden.
    """
    return derived(said, "pair", secret, min(one, other), max(one, other))


def own_seed(said: bytes, secret: bytes, place: int) -> bytes:
    """The seed of a contributor's own mask."""
    return derived(said, "own", secret, place)


def group_seed(said: bytes, group_key: bytes) -> bytes:
    """The seed of the group's mask: another in every sum, as keys are made afresh and all of them are in
    ``said``.
    """
    return derived(said, "group", group_key)


def masked(values: Ring, bits: int, plus: Sequence[bytes], minus: Sequence[bytes]) -> Ring:
    """Values with masks of some seeds added and of others taken off."""
    return mask_values(values, bits, plus, minus, 0)


def without_group(total: Ring, bits: int, seed: bytes, contributors: int) -> Ring:
    """The total without the group's mask."""
    mask = masked(np.zeros_like(total), bits, (), (seed,))
    times = total.dtype.type(contributors)
    if bits != 128:
        return total + mask * times
    low, high = mask[:, 0], mask[:, 1]
    small, shift = np.uint64(contributors), np.uint64(32)
    # The lower word times a small number, in halves, for its carry.
    lower, upper = (low & np.uint64(0xFFFFFFFF)) * small, (low >> shift) * small
    product = lower + (upper << shift)
    carry = (upper + (lower >> shift)) >> shift
    out = np.empty_like(total)
    out[:, 0] = total[:, 0] + product
    out[:, 1] = total[:, 1] + high * small + carry + (out[:, 0] < product)
    return out


def share(
    secrets: Sequence[bytes], holders: Sequence[int], threshold: int, random: RandomBytes
) -> NDArray[np.uint8]:
    """Shares of some secrets for each holder, shape (holders, secrets, 16)."""
    drawn = b"".join(secrets) + random(SEED * len(secrets) * (threshold - 1))
    coefficients = np.frombuffer(drawn, dtype=np.uint8).reshape(threshold, len(secrets), SEED)
    return shamir_share(coefficients, _points(holders))


def joined(shares: Sequence[tuple[int, bytes]]) -> bytes:
    """The secret, of as many shares as are needed, each with its holder's place."""
    values = np.frombuffer(b"".join(one for _, one in shares), dtype=np.uint8)
    points = _points([holder for holder, _ in shares])
    return shamir_join(values.reshape(len(shares), 1, SEED), points).tobytes()


def _points(places: Sequence[int]) -> NDArray[np.uint64]:
    return np.array(places, dtype=np.uint64) + np.uint64(1)


def seal(said: bytes, secret: bytes, sender: int, receiver: int, data: bytes) -> bytes:
    """Shares for a neighbour."""
    key = derived(said, "seal", secret, sender, receiver)
    return AESGCM(key).encrypt(_NONCE, data, None)


def unsealed(said: bytes, secret: bytes, sender: int, receiver: int, data: bytes) -> bytes | None:
    """What was sealed, None where it was altered or never was."""
    key = derived(said, "seal", secret, sender, receiver)
    try:
        return AESGCM(key).decrypt(_NONCE, data, None)
    except InvalidTag:
        return None
