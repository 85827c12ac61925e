"""The loops that show what a core can do do what they say."""

from __future__ import annotations

import numpy as np
import pytest

from coterie import _kernels


def test_work_is_counted_in_proportion_to_rounds() -> None:
    for limit in (_kernels.limit_multiply_adds, _kernels.limit_aes_blocks):
        assert limit(0) == 0
        assert limit(30) == 3 * limit(10)
    assert _kernels.limit_multiply_adds(1) > 0
    assert (_kernels.limit_aes_blocks(1) > 0) == ("aes" in _kernels.cpu_features())


def test_all_words_are_read() -> None:
    words = np.random.default_rng(1).integers(0, 2**64, 100_003, dtype=np.uint64)
    assert _kernels.limit_read(words) == int(words.sum())
    assert _kernels.limit_read(words[:0]) == 0
    with pytest.raises(ValueError, match="words must have elements of type uint64"):
        _kernels.limit_read(np.zeros(3))  # type: ignore[arg-type]
