"""The distributed comparison function: against NumPy, and bit by bit against its description in Python, with
the AES of the ``cryptography`` package."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie import _kernels

Words = NDArray[np.uint64]

SEEDS = [b"first party seed", b"other party seed"]
KEY = bytes(range(16))
MASK, ROOT = 3, 4
SEED_BITS = ((1 << 128) - 1) ^ 7


def masks(n: int, offset: int = 0) -> Words:
    return _kernels.prg_u64(SEEDS[0], MASK, n, offset) + _kernels.prg_u64(SEEDS[1], MASK, n, offset)


def deal(n: int, bits: int, offset: int = 0) -> Words:
    return _kernels.dcf_deal(n, offset, SEEDS, MASK, bits, SEEDS, ROOT, KEY)


def share(opened: Words, minus: int, bits: int, words: Words, party: int, offset: int = 0) -> Words:
    return _kernels.dcf_eval(opened, minus, bits, words, SEEDS[party], ROOT, offset, KEY, party == 1)


def evaluate(opened: Words, bits: int, minus: int = 0, offset: int = 0) -> NDArray[np.uint8]:
    words = deal(opened.size, bits, offset)
    total = share(opened, minus, bits, words, 0, offset) ^ share(opened, minus, bits, words, 1, offset)
    return np.unpackbits(total.view(np.uint8), count=opened.size, bitorder="little")


def truth(opened: Words, mask: Words, bits: int) -> NDArray[np.uint8]:
    low, top = np.uint64(2**bits - 1), np.uint64(bits)
    above = ((opened ^ mask) >> top) & np.uint64(1)
    return np.asarray((opened & low) < (mask & low)).astype(np.uint8) ^ above.astype(np.uint8)


@pytest.mark.parametrize("bits", [1, 2, 6, 7, 8, 9, 31, 62, 63])
@pytest.mark.parametrize(("n", "offset"), [(0, 0), (1, 512), (64, 0), (200, 1024)])
def test_compares_with_the_mask(bits: int, n: int, offset: int) -> None:
    mask = masks(n, offset)
    rng = np.random.default_rng(bits)
    opened = rng.integers(0, 2**64, n, dtype=np.uint64)
    near = rng.random(n) < 0.7
    opened[near] = mask[near] + rng.integers(-2, 3, near.sum()).astype(np.uint64)
    np.testing.assert_array_equal(evaluate(opened, bits, 0, offset), truth(opened, mask, bits))
    minus = 2**64 - 77
    np.testing.assert_array_equal(
        evaluate(opened, bits, minus, offset), truth(opened + np.uint64(77), mask, bits)
    )


def test_every_number_of_few_bits() -> None:
    bits = 9
    mask = masks(2**bits)
    for shift in range(0, 2**bits, 37):
        opened = mask + np.uint64(shift)
        np.testing.assert_array_equal(evaluate(opened, bits), truth(opened, mask, bits))


@given(st.integers(1, 63), st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=70))
@settings(max_examples=50, deadline=None)
def test_any_numbers(bits: int, values: list[int]) -> None:
    opened = np.array(values, np.uint64)
    np.testing.assert_array_equal(evaluate(opened, bits), truth(opened, masks(opened.size), bits))


class Party:
    """One party's walk for one value, after the description: blocks are whole numbers of 128 bits."""

    def __init__(self, party: int, at: int) -> None:
        low, high = (int(word) for word in _kernels.prg_u64(SEEDS[party], ROOT, 2, 2 * at))
        root = low | high << 64
        self.seed, self.extra, self.t = root & SEED_BITS, root & 1, party
        key = int.from_bytes(KEY, "little") ^ (at // 64)
        self._aes = Cipher(algorithms.AES128(key.to_bytes(16, "little")), modes.ECB())

    def block(self, number: int) -> int:
        before = self.seed | number
        cipher = self._aes.encryptor()
        return int.from_bytes(cipher.update(before.to_bytes(16, "little")), "little") ^ before

    def evaluate(self, x: int, words: list[int], bits: int) -> int:
        """Of a value's correction words, the leaf's last."""
        out, leaf_bits = self.extra, min(bits, 7)
        for level, word in enumerate(words[:-1]):
            right = (x >> (bits - 1 - level)) & 1
            block = self.block(right)
            if self.t:
                t = block ^ (word >> right)
                block ^= word
            else:
                t = block
            if not right:
                out ^= (block >> 2) & 1
            self.seed, self.t = block & SEED_BITS, t & 1
        leaf = self.block(2) ^ (words[-1] if self.t else 0)
        return out ^ (leaf >> (x & (2**leaf_bits - 1))) & 1


@pytest.mark.parametrize(("n", "bits", "at"), [(70, 40, 66), (70, 40, 0), (3, 5, 1), (64, 12, 63)])
def test_agrees_with_its_description(n: int, bits: int, at: int) -> None:
    opened = masks(n) + np.arange(n, dtype=np.uint64) - np.uint64(5)
    words = deal(n, bits)
    levels = max(bits - 7, 0)
    # Batches of 64: for each level the words of all values, then the leaf's, then a word of bits.
    start, batch = at // 64 * (64 * 2 * (levels + 1) + 1), min(64, n - at // 64 * 64)
    own = words[start : start + batch * 2 * (levels + 1)].reshape(levels + 1, batch, 2)[:, at % 64]
    corrections = [int(low) | int(high) << 64 for low, high in own]
    last = int(words[start + batch * 2 * (levels + 1)]) >> (at % 64) & 1
    x = int(opened[at])
    for party in (0, 1):
        bit = Party(party, at).evaluate(x % 2**bits, corrections, bits)
        bit ^= last if party else (x >> bits) & 1
        assert bit == int(share(opened, 0, bits, words, party)[at // 64]) >> (at % 64) & 1


def test_shares_of_one_party_are_balanced() -> None:
    n = 20_000
    opened = masks(n)
    words = deal(n, 20)
    for party in (0, 1):
        ones = np.unpackbits(
            share(opened, 0, 20, words, party).view(np.uint8), count=n, bitorder="little"
        ).sum()
        assert abs(int(ones) - n / 2) < 6 * np.sqrt(n) / 2


def test_corrections_look_random() -> None:
    words = deal(20_000, 20)
    ones = int(np.unpackbits(words.view(np.uint8)).sum())
    assert abs(ones - words.size * 32) < 6 * np.sqrt(words.size * 64) / 2


def test_pieces_are_parts_of_the_whole() -> None:
    parts = [deal(min(512, 2000 - start), 30, start) for start in range(0, 2000, 512)]
    np.testing.assert_array_equal(deal(2000, 30), np.concatenate(parts))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bits": 0}, "bits must be from 1 to 63"),
        ({"bits": 64}, "bits must be from 1 to 63"),
        ({"seeds": SEEDS[:1]}, "seeds must be two"),
        ({"key": b"short"}, "16 bytes, not 5"),
        ({"offset": 64}, "multiple of 512"),
    ],
)
def test_dealing_refuses(change: dict[str, Any], says: str) -> None:
    arguments: dict[str, Any] = {"n": 1, "offset": 0, "mask_seeds": SEEDS, "mask_id": 1, "bits": 9}
    arguments |= {"seeds": SEEDS, "id": 2, "key": KEY}
    with pytest.raises(ValueError, match=says):
        _kernels.dcf_deal(**(arguments | change))


def test_corrections_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="corrections must have 7 words, not 5"):
        share(np.zeros(1, np.uint64), 0, 9, np.zeros(5, np.uint64), 0)
