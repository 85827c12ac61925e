"""Products, truncation and packing in Z_2^64 against NumPy and Python's integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie import _kernels

Words = NDArray[np.uint64]
SEED = b"ring tests' seed"
SIZES = st.integers(0, 40)
PAIRS = st.sampled_from([None, 0, 1, 2, 4, 5, 8, 9, 19])


def words(*shape: int, salt: int = 0) -> Words:
    return np.random.default_rng([*shape, salt]).integers(0, 2**64, size=shape, dtype=np.uint64)


def numbers(*shape: int) -> NDArray[np.int32]:
    values = np.random.default_rng(shape).integers(-(2**31), 2**31, size=shape, dtype=np.int32)
    values.ravel()[:2] = [-(2**31), 2**31 - 1][: values.size]
    return values


def right(rows: int, columns: int | None) -> Words:
    return words(rows) if columns is None else words(rows, columns)


def extended(a: NDArray[np.int32]) -> Words:
    return a.astype(np.int64).astype(np.uint64)


@given(SIZES, SIZES, PAIRS)
@settings(max_examples=150, deadline=None)
def test_products_of_all_shapes(n: int, d: int, m: int | None) -> None:
    a, b, c = words(n, d), right(d, m), right(n, m)
    np.testing.assert_array_equal(_kernels.matmul(a, b), a @ b, strict=True)
    np.testing.assert_array_equal(_kernels.matmul_t(a, c), a.T @ c, strict=True)
    i = numbers(n, d)
    np.testing.assert_array_equal(_kernels.matmul(i, b), extended(i) @ b, strict=True)
    np.testing.assert_array_equal(_kernels.matmul_t(i, c), extended(i).T @ c, strict=True)
    expanded = _kernels.prg_u64(SEED, 9, n * d).reshape(n, d)
    np.testing.assert_array_equal(_kernels.prg_matmul(SEED, 9, n, d, b), expanded @ b, strict=True)
    np.testing.assert_array_equal(_kernels.prg_matmul_t(SEED, 9, n, d, c), expanded.T @ c, strict=True)


@pytest.mark.parametrize(
    ("n", "d", "m"),
    [
        (40_000, 23, None),
        (100_003, 1, None),
        (3, 50_000, None),
        (9001, 37, 6),
        (2000, 33, 35),
        (70, 130, 401),
        (261, 515, 129),
        (9, 300, 77),
    ],
)
def test_large_products_on_all_cores(n: int, d: int, m: int | None) -> None:
    test_products_of_all_shapes.hypothesis.inner_test(n, d, m)  # type: ignore[attr-defined]


@given(SIZES, SIZES, st.integers(0, 3), st.integers(1, 3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_slices_of_rows_and_columns(n: int, d: int, first: int, step: int, back: bool) -> None:
    a = words(n, d)[first :: -step if back else step, first : d - first]
    b, c = words(a.shape[1]), words(a.shape[0])
    np.testing.assert_array_equal(_kernels.matmul(a, b), a @ b)
    np.testing.assert_array_equal(_kernels.matmul_t(a, c), a.T @ c)


def test_large_slices_and_repeated_rows() -> None:
    a = words(20_000, 12)
    for view in (a[1:], a[:, 3:], a[::3, :7], a[::-1], np.broadcast_to(a[0], (10_000, 12))):
        b, c = words(view.shape[1]), words(view.shape[0])
        np.testing.assert_array_equal(_kernels.matmul(view, b), view @ b)
        np.testing.assert_array_equal(_kernels.matmul_t(view, c), view.T @ c)


def test_wrong_matrices_are_refused() -> None:
    a, b, c = words(6, 4), words(4), words(6)
    fortran = np.asfortranarray(a)
    misaligned = np.frombuffer(bytes(33), np.uint8)[1:].view(np.uint64).reshape(2, 2)
    for function, vector in ((_kernels.matmul, b), (_kernels.matmul_t, c)):
        with pytest.raises(ValueError, match="side by side"):
            function(fortran, vector)
        with pytest.raises(ValueError, match="side by side"):
            function(words(6, 8)[:, ::2], vector)
        with pytest.raises(ValueError, match="aligned"):
            function(misaligned, words(2))
        with pytest.raises(ValueError, match="a must have 2 dimensions, not 1"):
            function(b, b)
        with pytest.raises(ValueError, match="elements of type uint64, not int64"):
            function(a.astype(np.int64), vector)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="elements of type uint64, not >u8"):
            function(a.astype(">u8"), vector)
        with pytest.raises(ValueError, match="b must have elements of type uint64, not float64"):
            function(a, vector.astype(np.float64))
        with pytest.raises(ValueError, match=f"b must have {len(vector)} rows to fit a, not 5"):
            function(a, words(5))
        with pytest.raises(ValueError, match="b must have 1 or 2 dimensions, not 3"):
            function(a, words(len(vector), 1, 1))
        with pytest.raises(ValueError, match="b must have 1 or 2 dimensions, not 0"):
            function(a, words())
        with pytest.raises(ValueError, match="b must be C-contiguous"):
            function(a, words(2 * len(vector))[::2])
        with pytest.raises(TypeError, match="a must be an array"):
            function(a.tolist(), vector)
    for expand in (_kernels.prg_matmul, _kernels.prg_matmul_t):
        with pytest.raises(ValueError, match="rows to fit a"):
            expand(SEED, 0, 2, 3, words(4))
        with pytest.raises(ValueError, match=r"n \* d is too large"):
            expand(SEED, 0, 2**40, 2**40, words(4))
        with pytest.raises(ValueError, match="d must be from 0"):
            expand(SEED, 0, 2, -3, words(4))


EDGES = [-(2**62), 1 - 2**62, -(2**61), -(2**32), -2, -1, 0, 1, 2, 2**32 - 1, 2**61, 2**62 - 2, 2**62 - 1]
MASKS = [0, 1, 2**62, 2**63 - 1, 2**63, 2**63 + 1, 2**63 + 2**62, 2**64 - 2, 2**64 - 1]


def shared(value: Words, parties: int, salt: int) -> list[Words]:
    shares = [words(*value.shape, salt=salt + party) for party in range(parties - 1)]
    return [*shares, value - sum(shares, np.zeros_like(value))]


def check_truncation(values: list[int], masks: list[int], shift: int, parties: int) -> None:
    x = np.array(values, dtype=np.int64).astype(np.uint64)
    mask = np.array(masks, dtype=np.uint64)
    high, msb = _kernels.deal_truncation(mask, shift)
    np.testing.assert_array_equal(high, [word >> shift for word in masks])
    np.testing.assert_array_equal(msb, [word >> 63 for word in masks])
    opened = x + np.uint64(2**62) + mask
    total = np.zeros_like(x)
    for party, (h, b) in enumerate(zip(shared(high, parties, 1), shared(msb, parties, 10), strict=True)):
        total += _kernels.truncate(opened, h, b, shift, party == 0)
    for value, word in zip(values, total.tolist(), strict=True):
        signed = word - 2**64 if word >= 2**63 else word
        assert 0 <= signed - (value >> shift) <= 1


@pytest.mark.parametrize("parties", [2, 3, 4, 5])
def test_truncation_at_the_edges(parties: int) -> None:
    values, masks = zip(*((value, mask) for value in EDGES for mask in MASKS), strict=True)
    for shift in range(63):
        check_truncation(list(values), list(masks), shift, parties)


@given(
    st.lists(st.tuples(st.integers(-(2**62), 2**62 - 1), st.integers(0, 2**64 - 1)), min_size=1),
    st.integers(0, 62),
    st.integers(2, 5),
)
@settings(max_examples=100, deadline=None)
def test_truncation_of_anything(items: list[tuple[int, int]], shift: int, parties: int) -> None:
    check_truncation([x for x, _ in items], [mask for _, mask in items], shift, parties)


def test_truncation_of_large_arrays() -> None:
    n = 100_000
    values = (words(n) >> np.uint64(1)).astype(np.int64) - 2**62
    check_truncation(values.tolist(), words(n, salt=1).tolist(), 18, 3)


def test_truncation_keeps_shapes_and_refuses_others() -> None:
    a = words(3, 4)
    high, msb = _kernels.deal_truncation(a, 5)
    assert high.shape == msb.shape == _kernels.truncate(a, high, msb, 5, False).shape == (3, 4)
    with pytest.raises(ValueError, match="the same shape"):
        _kernels.truncate(a, high, msb.ravel(), 5, True)
    with pytest.raises(ValueError, match="the same shape"):
        _kernels.truncate(a, high[:2], msb, 5, True)
    for shift in (-1, 63, 64, 2**70):
        with pytest.raises(ValueError, match="shift must be from 0 to 62"):
            _kernels.deal_truncation(a, shift)
        with pytest.raises(ValueError, match="shift must be from 0 to 62"):
            _kernels.truncate(a, high, msb, shift, True)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50), st.integers(1, 64))
@settings(max_examples=150, deadline=None)
def test_packing(values: list[int], bits: int) -> None:
    low = [value % 2**bits for value in values]
    width = -(-bits // 8)
    data = _kernels.low_bits_pack(np.array(values, dtype=np.uint64), bits)
    assert data.dtype == np.uint8
    assert data.tobytes() == b"".join(value.to_bytes(width, "little") for value in low)
    for given_as in (data, data.tobytes()):
        assert _kernels.low_bits_unpack(given_as, bits).tolist() == low
    full = np.full_like(data, 255)
    assert _kernels.low_bits_unpack(full, bits).tolist() == [2**bits - 1] * len(values)


@pytest.mark.parametrize("bits", [3, 8, 29, 41, 48, 55, 64])
def test_packing_on_all_cores(bits: int) -> None:
    values = words(100_001)
    unpacked = _kernels.low_bits_unpack(_kernels.low_bits_pack(values, bits), bits)
    np.testing.assert_array_equal(unpacked, values & np.uint64(2**bits - 1))


def test_wrong_packing_is_refused() -> None:
    for bits in (0, 65, -3):
        with pytest.raises(ValueError, match="bits must be from 1 to 64"):
            _kernels.low_bits_pack(words(3), bits)
        with pytest.raises(ValueError, match="bits must be from 1 to 64"):
            _kernels.low_bits_unpack(bytes(8), bits)
    with pytest.raises(ValueError, match="a multiple of 6 bytes, not 7"):
        _kernels.low_bits_unpack(bytes(7), 41)
    with pytest.raises(ValueError, match="uint8, not uint64"):
        _kernels.low_bits_unpack(words(6), 41)  # type: ignore[arg-type]
