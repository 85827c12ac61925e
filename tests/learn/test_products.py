"""Products of blocks in pieces, against NumPy's sums of products."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from coterie.learn.linear import gram, turned


@pytest.mark.parametrize("rows", [0, 1, 3, 1000, 70_001])
@pytest.mark.parametrize("width", [0, 1, 7, 600])
def test_products_in_pieces_are_the_products(rows: int, width: int) -> None:
    if rows * width > 10**6:
        rows = 10**6 // width
    random = np.random.default_rng(rows + width)
    block, matrix = random.normal(size=(rows, width)), random.normal(size=(width, 3))
    columns = np.ascontiguousarray(block.T)  # each column in one piece: einsum is much slower else
    np.testing.assert_allclose(gram(block), np.einsum("in,jn->ij", columns, columns), atol=1e-9)
    np.testing.assert_allclose(turned(block, matrix), np.einsum("ni,ij->nj", block, matrix), atol=1e-9)


def test_many_columns_take_little_memory() -> None:
    block = np.random.default_rng(1).normal(size=(3000, 300))
    tracemalloc.start()
    try:
        gram(block)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * block.nbytes
