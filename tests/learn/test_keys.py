"""Rows by their keyed hashes, against sets and lists of plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie.learn.keys import common_rows, hash_order, rows_of

NUMBERS = st.lists(st.integers(0, 12), unique=True, max_size=10)


def hashes(numbers: list[int]) -> NDArray[np.uint8]:
    """(n, 32): different in their first, last or middle byte alone."""
    found = np.zeros((len(numbers), 32), np.uint8)
    for row, number in enumerate(numbers):
        found[row, (0, 31, 15)[number % 3]] = number * 20
    return found


@given(st.lists(NUMBERS, min_size=1, max_size=4))
def test_common_rows_are_the_intersection_in_the_order_of_the_hashes(tables: list[list[int]]) -> None:
    given_ = [hashes(numbers) for numbers in tables]
    texts = [[bytes(row) for row in one] for one in given_]
    wanted = sorted(set(texts[0]).intersection(*texts[1:]))
    found = common_rows(given_)
    assert len(found) == len(tables)
    for rows, own in zip(found, texts, strict=True):
        assert [own[row] for row in rows] == wanted


def test_hashes_that_are_as_even_as_real_ones() -> None:
    random = np.random.default_rng(5)
    pool = random.integers(0, 256, (3000, 32), dtype=np.uint8)
    tables = [pool[random.permutation(3000)[:2000]] for _ in range(3)]
    tables[1][7, 8:] ^= 1  # another hash with the first bytes of one that the others may have
    texts = [[bytes(row) for row in one] for one in tables]
    wanted = sorted(set(texts[0]).intersection(*texts[1:]))
    assert len(wanted) > 500
    for rows, own in zip(common_rows(tables), texts, strict=True):
        assert [own[row] for row in rows] == wanted
    assert [bytes(row) for row in pool[hash_order(pool)]] == sorted(bytes(row) for row in pool)


def test_the_first_bytes_of_a_hash_are_not_all_of_it() -> None:
    pool = np.random.default_rng(6).integers(0, 256, (50, 32), dtype=np.uint8)
    like = pool.copy()
    like[:, 31] ^= 1
    assert [len(rows) for rows in common_rows([pool, like])] == [0, 0]
    with pytest.raises(ValueError, match="not among"):
        rows_of(like, pool)


@given(NUMBERS)
def test_one_order_for_all(numbers: list[int]) -> None:
    one = hashes(numbers)
    assert [bytes(row) for row in one[hash_order(one)]] == sorted(bytes(row) for row in one)
    if numbers:
        assert rows_of(one[::-1], one).tolist() == list(range(len(numbers)))[::-1]
