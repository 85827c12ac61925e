"""Placement in cuckoo tables, beside SciPy's maximum matching."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from coterie._kernels import cuckoo_places


@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(3, 60))
def test_a_placement_is_found_whenever_there_is_one(seed: int, items: int, bins: int) -> None:
    cells = np.random.default_rng(seed).integers(0, bins, (items, 3))
    edges = (np.ones(3 * items, np.int8), (np.repeat(np.arange(items), 3), cells.reshape(-1)))
    matched = maximum_bipartite_matching(csr_array(edges, shape=(items, bins)), perm_type="column")
    if (matched < 0).any():
        with pytest.raises(ArithmeticError):
            cuckoo_places(cells, bins)
    else:
        chosen = cuckoo_places(cells, bins)
        assert chosen.dtype == np.uint32
        assert len(np.unique(cells[np.arange(items), chosen])) == items


def test_a_crowded_table_is_placed() -> None:
    # Beyond the load at which all items peel off, short of that at which they fit.
    cells = np.random.default_rng(1).integers(0, 22_000, (19_500, 3))
    chosen = cuckoo_places(cells, 22_000)
    assert len(np.unique(cells[np.arange(19_500), chosen])) == 19_500


def test_what_is_no_table_is_refused() -> None:
    cells = np.zeros((2, 3), np.int64)
    refused: tuple[tuple[Any, int], ...] = (
        (cells[:, :2].copy(), 3),
        (cells - 1, 3),
        (cells + 3, 3),
        (cells.astype(np.int32), 3),
        (cells, 2**32),
        (cells.reshape(-1), 3),
    )
    for wrong, bins in refused:
        with pytest.raises(ValueError, match=r"cells|bins"):
            cuckoo_places(wrong, bins)
    with pytest.raises(ArithmeticError):
        cuckoo_places(cells, 3)
