"""Masks are sums of AES in counter mode, as another library computes it; shares are Python's polynomials."""

from __future__ import annotations

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from coterie._kernels import mask_values, shamir_join, shamir_share

SEEDS = [bytes([k]) * 16 for k in range(1, 6)]


def stream(seed: bytes, number: int, count: int, width: int) -> list[int]:
    """Elements of a stream: the library's counter is big-endian, so that each block is asked for alone."""
    blocks = b"".join(
        number.to_bytes(8, "little") + k.to_bytes(8, "little") for k in range(-(-count * width // 16))
    )
    encryptor = Cipher(algorithms.AES128(seed), modes.ECB()).encryptor()
    data = encryptor.update(blocks)
    return [int.from_bytes(data[width * k : width * (k + 1)], "little") for k in range(count)]


@pytest.mark.parametrize("bits", [32, 64, 128])
@pytest.mark.parametrize("count", [1, 3, 64, 257, 5000])
def test_masks_are_what_another_library_computes(bits: int, count: int) -> None:
    width, number = bits // 8, 2**64 - 1
    start = bytes(range(256)) * (count * width // 256 + 1)
    raw = start[: count * width]
    values = np.frombuffer(raw, np.uint32) if bits == 32 else np.frombuffer(raw, np.uint64)
    masked = mask_values(values, bits, SEEDS[:3], SEEDS[3:], number)
    expected = [int.from_bytes(start[width * k : width * (k + 1)], "little") for k in range(count)]
    for index, seed in enumerate(SEEDS):
        sign = 1 if index < 3 else -1
        for k, word in enumerate(stream(seed, number, count, width)):
            expected[k] += sign * word
    assert masked.tobytes() == b"".join((one % 2**bits).to_bytes(width, "little") for one in expected)


def test_masks_of_long_vectors_are_the_same_piece_by_piece() -> None:
    values = np.zeros(100_003, dtype=np.uint32)
    masked = mask_values(values, 32, SEEDS[:1], [], 7)
    assert masked.tolist() == stream(SEEDS[0], 7, len(values), 4)


@pytest.mark.parametrize(
    ("values", "bits", "word"),
    [
        (np.zeros(4, dtype=np.uint64), 32, "elements of type"),
        (np.zeros(4, dtype=np.uint32), 64, "elements of type"),
        (np.zeros(3, dtype=np.uint64), 128, "pairs"),
        (np.zeros(4, dtype=np.uint64), 65, "32, 64 or 128"),
        (np.zeros(4, dtype=np.uint64)[::2], 64, "contiguous"),
    ],
)
def test_masks_of_other_forms_are_refused(values: np.ndarray, bits: int, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        mask_values(values, bits, SEEDS, [], 0)


def times(a: int, b: int) -> int:
    """The product modulo x^128 + x^7 + x^2 + x + 1."""
    product = 0
    for bit in range(128):
        if b >> bit & 1:
            product ^= a
        a = a << 1 ^ ((a >> 127) * ((1 << 128) | 0x87))
    return product


@given(st.data())
def test_shares_are_values_of_polynomials_and_join_to_the_constant(data: st.DataObject) -> None:
    threshold, many = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 2))
    points = data.draw(st.lists(st.integers(1, 1000), min_size=threshold, max_size=9, unique=True))
    raw = data.draw(st.binary(min_size=16 * many * threshold, max_size=16 * many * threshold))
    coefficients = np.frombuffer(raw, dtype=np.uint8).reshape(threshold, many, 16)
    shares = shamir_share(coefficients, np.array(points, dtype=np.uint64))
    for point, row in zip(points, shares, strict=True):
        for k in range(many):
            value = 0
            for power in coefficients[::-1]:
                value = times(value, point) ^ int.from_bytes(power[k].tobytes(), "little")
            assert int.from_bytes(row[k].tobytes(), "little") == value
    chosen = data.draw(st.permutations(range(len(points))))[:threshold]
    joined = shamir_join(
        np.ascontiguousarray(shares[chosen]), np.array([points[k] for k in chosen], dtype=np.uint64)
    )
    np.testing.assert_array_equal(joined, coefficients[0])


@pytest.mark.parametrize("points", [[], [0, 1], [4, 4]])
def test_points_that_are_no_points_are_refused(points: list[int]) -> None:
    at = np.array(points, dtype=np.uint64)
    with pytest.raises(ValueError, match="points"):
        shamir_share(np.zeros((2, 1, 16), dtype=np.uint8), at)
    with pytest.raises(ValueError, match=r"n and m|points"):
        shamir_join(np.zeros((len(points), 1, 16), dtype=np.uint8), at)


def test_shares_of_another_form_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        shamir_share(np.zeros((2, 16), dtype=np.uint8), np.array([1], dtype=np.uint64))
    with pytest.raises(ValueError, match="as many"):
        shamir_join(np.zeros((2, 1, 16), dtype=np.uint8), np.array([1], dtype=np.uint64))
