"""Items and tags: hashes against OpenSSL and the specification, orders and common tags against Python's."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie._kernels import bucket_of, item_hash, match_tags, oprf_tags, sort_tags

SESSION = bytes(range(16))
Bytes = NDArray[np.uint8]


def drawn(seed: int, count: int, width: int = 16, most: int = 256) -> Bytes:
    return np.random.default_rng(seed).integers(0, most, (count, width), dtype=np.uint8)


def keyed(purpose: str, session: bytes = SESSION) -> Cipher[modes.ECB]:
    key = Blake3.derived(purpose.encode(), session)[:16]
    return Cipher(algorithms.AES(key), modes.ECB())


def fed_forward(cipher: Cipher[modes.ECB], items: Bytes) -> Bytes:
    encrypted = cipher.encryptor().update(items.tobytes())
    return np.frombuffer(encrypted, dtype=np.uint8).reshape(items.shape) ^ items


class Blake3:
    """BLAKE3 of messages of one block, as the specification (sections 2.1, 2.2 and 2.6) words it."""

    IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
    ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
    COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
    DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))

    @classmethod
    def one_block(cls, key: bytes, message: bytes, flags: int) -> bytes:
        v = [*cls._words(key), *cls.IV[:4], 0, 0, len(message), flags | 1 | 2 | 8]
        block = cls._words(message.ljust(64, b"\0"))
        for _ in range(7):
            for place, (a, b, c, d) in enumerate(cls.COLUMNS + cls.DIAGONALS):
                for word, first, second in ((2 * place, 16, 12), (2 * place + 1, 8, 7)):
                    v[a] = (v[a] + v[b] + block[word]) % 2**32
                    v[d] = cls._rotated(v[d] ^ v[a], first)
                    v[c] = (v[c] + v[d]) % 2**32
                    v[b] = cls._rotated(v[b] ^ v[c], second)
            block = [block[word] for word in cls.ORDER]
        return b"".join((v[k] ^ v[k + 8]).to_bytes(4, "little") for k in range(8))

    @classmethod
    def derived(cls, purpose: bytes, material: bytes) -> bytes:
        iv = b"".join(word.to_bytes(4, "little") for word in cls.IV)
        return cls.one_block(cls.one_block(iv, purpose, 32), material, 64)

    @staticmethod
    def _words(data: bytes) -> list[int]:
        return [int.from_bytes(data[k : k + 4], "little") for k in range(0, len(data), 4)]

    @staticmethod
    def _rotated(word: int, by: int) -> int:
        return (word >> by | word << 32 - by) % 2**32


def test_the_hash_of_an_item_is_aes_plus_the_item() -> None:
    for count in (0, 1, 300, 20_000):
        items = drawn(1, count)
        hashed = fed_forward(keyed("coterie 2026-11 psi item hash v1"), items)
        np.testing.assert_array_equal(item_hash(items, SESSION), hashed)
    assert (item_hash(items, SESSION[::-1]) != hashed).any(axis=1).all()


def test_a_tag_is_the_keyed_hash_of_value_and_item() -> None:
    items, values = drawn(2, 40), drawn(3, 40)
    key = Blake3.derived(b"coterie 2026-11 psi oprf value v1", SESSION)
    tags = oprf_tags(values, items, SESSION)
    for tag, value, item in zip(tags, values, items, strict=True):
        assert tag.tobytes() == Blake3.one_block(key, value.tobytes() + item.tobytes(), 16)


def test_tags_do_not_depend_on_their_place() -> None:
    items, values = drawn(4, 5000), drawn(5, 5000)
    tags = oprf_tags(values, items, SESSION)
    for start, end in ((0, 0), (17, 18), (255, 2600)):
        np.testing.assert_array_equal(
            oprf_tags(values[start:end], items[start:end], SESSION), tags[start:end]
        )


@pytest.mark.parametrize("buckets", [1, 2, 7, 300, 65536])
@pytest.mark.parametrize("count", [0, 1, 1000, 70_001])
def test_rows_are_in_the_buckets_of_their_hashes(count: int, buckets: int) -> None:
    items = drawn(6, count)
    hashes = fed_forward(keyed("coterie 2026-11 psi bucket v1"), items).view("<u8")
    expected = np.array([int(high) * buckets >> 64 for high in hashes.reshape(-1, 2)[:, 1]], dtype=np.int64)
    counts, order = bucket_of(items, SESSION, buckets)
    np.testing.assert_array_equal(counts, np.bincount(expected, minlength=buckets))
    np.testing.assert_array_equal(order, np.argsort(expected, kind="stable"))


def in_order(tags: Bytes) -> NDArray[np.int64]:
    return np.array(sorted(range(len(tags)), key=lambda row: tags[row].tobytes()), dtype=np.int64)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(1, 16), st.sampled_from([1, 2, 4, 256]))
def test_tags_are_sorted_as_bytes_and_equal_ones_stay_in_order(
    seed: int, count: int, width: int, most: int
) -> None:
    tags = drawn(seed, count, width, most)
    np.testing.assert_array_equal(sort_tags(tags), in_order(tags))


@pytest.mark.parametrize("width", [1, 2, 10, 12, 13, 16])
def test_so_are_many(width: int) -> None:
    tags = drawn(7, 100_000, width)
    tags[50_000:70_000] = tags[:20_000]
    # Hostile ones, too: half of them begin alike.
    tags[::2, :-1] = 3
    np.testing.assert_array_equal(sort_tags(tags), in_order(tags))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 60), st.integers(1, 16), st.integers(2, 256))
def test_common_tags_are_those_of_python_s_sets(
    seed: int, ours: int, others: int, width: int, most: int
) -> None:
    own, theirs = drawn(seed, ours, width, most), drawn(seed + 1, others, width, most)
    theirs[: min(ours, others) // 2] = own[: min(ours, others) // 2]
    mine, its = [row.tobytes() for row in own], [row.tobytes() for row in theirs]
    common = sorted(set(mine) & set(its))
    if any(mine.count(tag) > 1 or its.count(tag) > 1 for tag in common):
        with pytest.raises(ValueError, match="occurs twice"):
            match_tags(own, theirs)
    else:
        places, counterparts = match_tags(own, theirs)
        assert [mine[place] for place in places] == common
        assert [its[place] for place in counterparts] == common


@pytest.mark.parametrize("width", [10, 16])
def test_common_tags_of_long_lists(width: int) -> None:
    own = drawn(8, 150_000, width)
    order = np.random.default_rng(9).permutation(90_000)
    theirs = np.concatenate([own[60_000:], drawn(10, 1000, width)])[order]
    places, counterparts = match_tags(own, theirs)
    np.testing.assert_array_equal(own[places], theirs[counterparts])
    np.testing.assert_array_equal(np.sort(places), 60_000 + np.sort(order))
    assert (np.diff(places[sort_tags(own[places])]) != 0).all()
    np.testing.assert_array_equal(sort_tags(own[places]), np.arange(90_000))


def test_tags_that_repeat_in_one_list_only_are_no_fault() -> None:
    own, theirs = drawn(11, 3000, 14), drawn(12, 2000, 14)
    own[5] = own[2000]
    theirs[7] = theirs[1000]
    theirs[3] = own[9]
    assert [found.tolist() for found in match_tags(own, theirs)] == [[9], [3]]
    for list_, place in ((own, 4), (theirs, 8)):
        again = list_.copy()
        again[place] = own[9]
        with pytest.raises(ValueError, match="a common tag occurs twice in a list"):
            match_tags(again if list_ is own else own, again if list_ is theirs else theirs)


def test_bad_arguments_are_refused() -> None:
    items = drawn(13, 5)
    for bad in (items[:, :15], items[None], items.astype(np.int64), items[:, ::-1]):
        with pytest.raises(ValueError, match="items must"):
            item_hash(cast(Bytes, bad), SESSION)
    with pytest.raises(ValueError, match="session must be 16 bytes, not 3"):
        item_hash(items, b"abc")
    with pytest.raises(ValueError, match="the same shape"):
        oprf_tags(items[1:], items, SESSION)
    for buckets in (0, 65537):
        with pytest.raises(ValueError, match="buckets must be from 1 to 65536"):
            bucket_of(items, SESSION, buckets)
    for width in (0, 17):
        with pytest.raises(ValueError, match="1 to 16 bytes each"):
            sort_tags(np.zeros((3, width), dtype=np.uint8))
    with pytest.raises(ValueError, match="two axes"):
        sort_tags(np.zeros(3, dtype=np.uint8))
    with pytest.raises(ValueError, match="the same width"):
        match_tags(items, items[:, :9].copy())
