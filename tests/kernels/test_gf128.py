"""GF(2^128) against polynomials in plain integers, and against GHASH of another library."""

from __future__ import annotations

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie._kernels import gf128_mul, gf128_polynomial, gf128_powers, gf128_scale, gf128_scale_add

MODULUS = (1 << 128) | 0x87

elements = st.integers(0, (1 << 128) - 1)


def times(a: int, b: int) -> int:
    """By the book: the product of polynomials, then the remainder."""
    product = 0
    for i in range(128):
        if b >> i & 1:
            product ^= a << i
    for i in range(255, 127, -1):
        if product >> i & 1:
            product ^= MODULUS << (i - 128)
    return product


def rows(*values: int) -> NDArray[np.uint8]:
    data = b"".join(value.to_bytes(16, "little") for value in values)
    return np.frombuffer(data, dtype=np.uint8).reshape(-1, 16)


def numbers(array: NDArray[np.uint8]) -> list[int]:
    return [int.from_bytes(row.tobytes(), "little") for row in array]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(elements, elements), min_size=1, max_size=9), elements)
def test_products_are_those_of_polynomials(pairs: list[tuple[int, int]], by: int) -> None:
    x, y = rows(*(a for a, _ in pairs)), rows(*(b for _, b in pairs))
    factor = by.to_bytes(16, "little")
    assert numbers(gf128_mul(x, y)) == [times(a, b) for a, b in pairs]
    assert numbers(gf128_scale(x, factor)) == [times(a, by) for a, _ in pairs]
    assert numbers(gf128_scale_add(x, factor, y)) == [times(a, by) ^ b for a, b in pairs]


@settings(max_examples=30, deadline=None)
@given(st.lists(elements, max_size=11), elements)
def test_polynomials_are_evaluated(coefficients: list[int], at: int) -> None:
    value = 0
    for coefficient in reversed(coefficients):
        value = times(value, at) ^ coefficient
    found = gf128_polynomial(rows(*coefficients), at.to_bytes(16, "little"))
    assert int.from_bytes(found, "little") == value


def test_long_polynomials_are_sums_of_short_ones() -> None:
    # Longer than a piece of parallel work.
    count, at = 20_001, bytes(range(16))
    x = np.frombuffer(np.random.default_rng(1).bytes(16 * count), dtype=np.uint8).reshape(count, 16)
    powers = gf128_powers(at, np.arange(count, dtype=np.uint64))
    expected = np.bitwise_xor.reduce(gf128_mul(x, powers), axis=0)
    assert gf128_polynomial(x, at) == expected.tobytes()


def test_powers_are_products() -> None:
    base, value, expected = 0x1234567890ABCDEF << 60, 1, []
    for _ in range(20):
        expected.append(value)
        value = times(value, base)
    found = gf128_powers(base.to_bytes(16, "little"), np.arange(20, dtype=np.uint64))
    assert numbers(found) == expected
    # The group has order 2^128 - 1: the power 2^128 - 1 is 1, so (base^(2^64 - 1))^(2^64 + 1) is.
    high = gf128_powers(base.to_bytes(16, "little"), np.array([2**64 - 1], dtype=np.uint64))
    first = gf128_powers(high.tobytes(), np.array([2**64 - 1, 2], dtype=np.uint64))
    assert numbers(gf128_mul(first[:1], first[1:])) == [1]


def reflected(block: bytes) -> bytes:
    """GHASH counts the bits of each byte from the other end (NIST SP 800-38D, section 6.3)."""
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in block)


def test_agrees_with_ghash() -> None:
    key, nonce, data = bytes(range(16)), bytes(12), bytes(range(100, 116))
    encrypt = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    hash_key, pad = encrypt.update(bytes(16)), encrypt.update(nonce + (1).to_bytes(4, "big"))
    length = (128).to_bytes(8, "big") + bytes(8)
    # (data · H + length) · H, which is a polynomial without a constant term.
    blocks = [bytes(16), reflected(length), reflected(data)]
    ghash = gf128_polynomial(
        np.frombuffer(b"".join(blocks), dtype=np.uint8).reshape(3, 16), reflected(hash_key)
    )
    tag = bytes(a ^ b for a, b in zip(reflected(ghash), pad, strict=True))
    assert AESGCM(key).encrypt(nonce, b"", data) == tag


def test_refuses_what_is_no_elements() -> None:
    good, by = rows(1, 2), bytes(16)
    with pytest.raises(ValueError, match=r"x must have shape \(n, 16\)"):
        gf128_scale(good[:, :15].copy(), by)
    with pytest.raises(ValueError, match="16 bytes"):
        gf128_scale(good, by[:15])
    with pytest.raises(ValueError, match="one shape"):
        gf128_mul(good, good[:1])
    with pytest.raises(ValueError, match="one shape"):
        gf128_scale_add(good, by, good[:1])
    with pytest.raises(ValueError, match="elements of type uint8"):
        gf128_scale(good.astype(np.int8), by)
