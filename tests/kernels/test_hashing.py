"""Keyed hashes: the published vectors of BLAKE3, both forms of input, and what is refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie._kernels import keyed_hashes

KEY = b"whats the Elvish word for friend"

# From test_vectors.json of the BLAKE3 specification's repository: input bytes 0, 1, ..., 250, 0, 1, ...
VECTORS = {
    0: "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26",
    1: "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b",
    1023: "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e",
    1024: "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4",
}


def column(items: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    offsets = np.zeros(len(items) + 1, dtype=np.int64)
    np.cumsum([len(item) for item in items], out=offsets[1:])
    return np.frombuffer(b"".join(items), dtype=np.uint8), offsets


def test_published_vectors() -> None:
    items = [bytes(k % 251 for k in range(length)) for length in VECTORS]
    expected = [bytes.fromhex(text) for text in VECTORS.values()]
    assert [row.tobytes() for row in keyed_hashes(items, KEY)] == expected
    assert [row.tobytes() for row in keyed_hashes(column(items), KEY)] == expected


@given(st.lists(st.binary(max_size=40), max_size=30), st.binary(min_size=32, max_size=32))
def test_both_forms_of_input_agree(items: list[bytes], key: bytes) -> None:
    listed = keyed_hashes(items, key)
    assert listed.shape == (len(items), 32)
    assert listed.dtype == np.uint8
    np.testing.assert_array_equal(listed, keyed_hashes(column(items), key))
    for item, row in zip(items, listed, strict=True):
        np.testing.assert_array_equal(row, keyed_hashes((item,), key)[0])


def test_an_arrow_column_and_a_slice_of_it() -> None:
    names = [f"kunde-{k}" for k in range(3000)]
    whole = pa.array(names, type=pa.large_string())
    for array, expected in ((whole, names), (whole.slice(700, 1800), names[700:2500])):
        _, offsets, data = array.buffers()
        cuts = np.frombuffer(offsets, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
        hashes = keyed_hashes((np.frombuffer(data, dtype=np.uint8), cuts), KEY)
        np.testing.assert_array_equal(hashes, keyed_hashes([name.encode() for name in expected], KEY))


def test_nothing_gives_nothing() -> None:
    nothing = np.zeros(0, dtype=np.uint8)
    assert keyed_hashes([], KEY).shape == (0, 32)
    for offsets in (np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64)):
        assert keyed_hashes((nothing, offsets), KEY).shape == (0, 32)


def test_another_key_gives_other_hashes() -> None:
    assert (keyed_hashes([b"a"], KEY) != keyed_hashes([b"a"], KEY[::-1])).any()


@pytest.mark.parametrize(
    ("offsets", "reason"),
    [
        ([-1, 2], "negative"),
        ([0, 3, 2], "row 1"),
        ([0, 11], "beyond"),
        ([2**62], "beyond"),
    ],
)
def test_offsets_that_leave_the_buffer_are_refused(offsets: list[int], reason: str) -> None:
    buffer = np.zeros(10, dtype=np.uint8)
    with pytest.raises(ValueError, match=reason):
        keyed_hashes((buffer, np.array(offsets, dtype=np.int64)), KEY)


def test_wrong_arguments_are_refused() -> None:
    buffer, offsets = column([b"a", b"b"])
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        keyed_hashes([b"a"], KEY[1:])
    with pytest.raises(ValueError, match="int64"):
        keyed_hashes((buffer, offsets.astype(np.int32)), KEY)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="row 1"):
        keyed_hashes([b"a", "b"], KEY)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="contiguous"):
        keyed_hashes((np.zeros(8, dtype=np.uint8)[::2], offsets), KEY)
