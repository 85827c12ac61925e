"""Signatures checked at once hold where another library says so of each."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from coterie._kernels import ed25519_verify

ORDER = 2**252 + 27742317777372353535851937790883648493


def made(count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Keys, messages of 45 bytes and signatures."""
    keys = [Ed25519PrivateKey.from_private_bytes(hashlib.sha256(bytes([k])).digest()) for k in range(count)]
    messages = [bytes([k]) * 45 for k in range(count)]
    rows = (
        b"".join(key.public_key().public_bytes_raw() for key in keys),
        b"".join(messages),
        b"".join(key.sign(message) for key, message in zip(keys, messages, strict=True)),
    )
    keyed, said, signed = (np.frombuffer(row, dtype=np.uint8).reshape(count, -1).copy() for row in rows)
    return keyed, said, signed


@pytest.mark.parametrize("count", [1, 2, 40])
def test_what_another_library_signed_holds_and_no_changed_bit_does(count: int) -> None:
    good = made(count)
    assert ed25519_verify(*good)
    for which, array in enumerate(good):
        for at in (0, 17, 31, array.size - 1):
            wrong = [one.copy() for one in good]
            wrong[which].reshape(-1)[at] ^= 4
            assert not ed25519_verify(*wrong)


def test_the_vector_of_the_standard_holds() -> None:
    # RFC 8032, section 7.1, test 2.
    key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    rows = [
        np.frombuffer(bytes.fromhex(text), dtype=np.uint8).reshape(1, -1) for text in (key, "72", signature)
    ]
    assert ed25519_verify(*rows)


def test_two_errors_do_not_cancel() -> None:
    keys, messages, signatures = made(2)
    for k, sign in ((0, 1), (1, -1)):
        response = int.from_bytes(signatures[k, 32:].tobytes(), "little")
        shifted = ((response + sign) % ORDER).to_bytes(32, "little")
        signatures[k, 32:] = np.frombuffer(shifted, dtype=np.uint8)
    assert not ed25519_verify(keys, messages, signatures)


def test_responses_have_one_form() -> None:
    keys, messages, signatures = made(1)
    response = int.from_bytes(signatures[0, 32:].tobytes(), "little") + ORDER
    signatures[0, 32:] = np.frombuffer(response.to_bytes(32, "little"), dtype=np.uint8)
    assert not ed25519_verify(keys, messages, signatures)


def test_other_shapes_are_refused() -> None:
    keys, messages, signatures = made(2)
    for rows in (
        (keys[:1], messages, signatures),
        (keys, messages, signatures[:, :63].copy()),
        (keys[0], messages, signatures),
    ):
        with pytest.raises(ValueError, match=r"shape|as many"):
            ed25519_verify(*rows)
