"""Shared exponentials against Python's own, with decimals of any precision."""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie import _kernels

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
ID = 78
BASE, UNIT = 7, 2.0
"""e^2 is 7.39."""


def seeds(count: int) -> list[bytes]:
    return [bytes([party + 1]) * 16 for party in range(count)]


def words(n: int) -> Words:
    return np.random.default_rng(n).integers(0, 2**64, size=n, dtype=np.uint64)


def tables(units: int, scale: float, sign: int) -> tuple[Words, Floats]:
    """Powers of the base, and what e^(±2h) is beside them."""
    powers = [pow(BASE, sign * h, 2**64) for h in range(units)]
    factors = [scale * (math.exp(UNIT) / BASE) ** (sign * h) for h in range(units)]
    return np.array(powers, np.uint64), np.array(factors)


def evaluate(x: Words, mask: Words, period_bits: int, unit_bits: int, parties: int) -> Floats:
    """2^32 e^x for x below a period, a unit being 2."""
    own, units = seeds(parties - 1), 1 << (period_bits - unit_bits)
    step = UNIT / 2.0**unit_bits
    correction = _kernels.exp_deal(mask, period_bits, unit_bits, -step, *tables(units, 2.0**18, -1), own, ID)
    opened = (x + mask) & np.uint64(2 ** (period_bits + 1) - 1)
    given_tables = tables(2 * units, 2.0**14, 1)
    total = _kernels.exp_eval(opened, period_bits, unit_bits, step, *given_tables, correction, None, ID)
    for seed in own:
        total = total + _kernels.exp_eval(opened, period_bits, unit_bits, step, *given_tables, None, seed, ID)
    return total.astype(np.float64)


@pytest.mark.parametrize(("period_bits", "unit_bits"), [(3, 0), (20, 18), (23, 20), (33, 30)])
@pytest.mark.parametrize("parties", [2, 3])
def test_exponentials_of_the_whole_range(period_bits: int, unit_bits: int, parties: int) -> None:
    """Relative precision is the same everywhere, whatever the mask."""
    n, period = 4000, 2**period_bits
    x = np.random.default_rng(1).integers(0, period, n).astype(np.uint64)
    x[:4] = (0, 0, period - 1, period - 1)
    mask = words(n)
    mask[:4] = (0, 2 * period - 1, period, 2 * period - 1)
    found = evaluate(x, mask, period_bits, unit_bits, parties)
    wanted = np.exp(x.astype(np.float64) * UNIT / 2.0**unit_bits) * 2.0**32
    # half a unit of 2^14 at the public factors, and of 2^18 e^-2 / 1.06^8 at the dealt ones
    assert np.abs(found / wanted - 1).max() < 2**-15 + 2**-19 * math.exp(2) * 1.06**8


@given(st.integers(0, 300), st.integers(2, 40), st.integers(0, 4), st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_all_shapes(n: int, unit_bits: int, more: int, parties: int) -> None:
    period_bits = unit_bits + more
    x = words(n) & np.uint64(2**period_bits - 1)
    keep = x < np.uint64(min(2**period_bits, int(10 * 2**unit_bits)))
    found = evaluate(x, words(n + 1)[1:], period_bits, unit_bits, parties)
    wanted = np.exp(x.astype(np.float64) * UNIT / 2.0**unit_bits) * 2.0**32
    np.testing.assert_allclose(found[keep], wanted[keep], rtol=5e-4)


def test_what_is_dealt_is_rounded_from_the_true_value() -> None:
    """With no party expanding anything, the correction is the value itself, divided by the base's power."""
    masks = np.array([0, 1, 123_456, 2**20 - 1, 2**20, 5 * 2**20 + 77], np.uint64)
    with_spare = masks + np.uint64(2**23)
    arguments = (23, 20, -UNIT / 2**20, *tables(8, 2.0**40, -1), [], ID)
    found = _kernels.exp_deal(masks, *arguments).reshape(-1, 2)
    assert not found[:, 1].any()
    np.testing.assert_array_equal(_kernels.exp_deal(with_spare, *arguments).reshape(-1, 2), found[:, ::-1])
    with localcontext() as context:
        context.prec = 50
        for mask, value in zip(masks.tolist(), found[:, 0].tolist(), strict=True):
            units = mask >> 20
            mantissa = value * BASE**units % 2**64
            exact = (Decimal(-2 * mask) / 2**20).exp() * BASE**units * 2**40
            assert abs(mantissa / exact - 1) < Decimal("1e-8")


def stated(x: float) -> float:
    """e^x by the operations that the kernel promises: Python's floats are IEEE 754 doubles, never fused."""
    y, total = x * 0.125, 1.0 / math.factorial(9)
    for n in range(8, -1, -1):
        total = total * y + 1.0 / math.factorial(n)
    total *= total
    total *= total
    return total * total


def test_every_bit_is_as_stated() -> None:
    n, period_bits, unit_bits, step = 777, 24, 20, 1.75 / 2**20
    m, shares = words(n), words(2 * n)
    powers, factors = words(32), np.random.default_rng(3).normal(size=32) * 2.0**30
    found = _kernels.exp_eval(m, period_bits, unit_bits, step, powers, factors, shares, None, ID)
    for k, word in enumerate(m.tolist()):
        units, rest = word >> 20 & 15, word & (2**20 - 1)
        missing = 16 * (word >> 24 & 1)
        total = 0
        for index, share in ((units + missing, shares[2 * k]), (units + 16 - missing, shares[2 * k + 1])):
            factor = int(np.rint(float(factors[index]) * stated(rest * step)))
            total += factor * int(powers[index]) * int(share)
        assert found[k] == total % 2**64


def test_public_factors_never_change() -> None:
    """Parties of different versions and processors must find the same bits: a digest of many."""
    m = np.arange(4096, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    powers, factors = words(64), 2.0**30 * np.arange(1.0, 65.0)
    found = _kernels.exp_eval(m, 35, 30, 2.0**-29, powers, factors, None, bytes(16), ID)
    dealt = _kernels.exp_deal(m, 36, 30, -(2.0**-28), powers, factors, [], ID)
    digests = [hashlib.sha256(array.tobytes()).hexdigest() for array in (found, dealt)]
    assert digests == [
        "27443aa9477bef541181c35e26208fbc9e2a6b7df483d1f4a00f97dcc2f13622",
        "44bb331271e53b010eda73dbc55afe4e4dde7972377ae82acf8b2109d369f5c6",
    ]


def test_wrong_arguments_are_refused() -> None:
    m, seed = words(5), bytes(16)
    one, two = tables(8, 1.0, -1), tables(16, 1.0, 1)
    for bits in (0, 49):
        with pytest.raises(ValueError, match="period_bits must be from 1 to 48"):
            _kernels.exp_deal(m, bits, 0, 1.0, *one, [seed], ID)
    with pytest.raises(ValueError, match="unit_bits must be from 0 to 23"):
        _kernels.exp_deal(m, 23, 24, 1.0, *one, [seed], ID)
    with pytest.raises(ValueError, match="at most 1024 units"):
        _kernels.exp_deal(m, 23, 12, 2.0**-12, *one, [seed], ID)
    with pytest.raises(ValueError, match="must have 8 elements"):
        _kernels.exp_deal(m, 23, 20, 2.0**-20, *two, [seed], ID)
    with pytest.raises(ValueError, match="must have 16 elements"):
        _kernels.exp_eval(m, 23, 20, 2.0**-20, *one, None, seed, ID)
    for step in (5 * 2.0**-20, -5 * 2.0**-20, math.nan, math.inf):
        with pytest.raises(ValueError, match="at most 4 in size"):
            _kernels.exp_eval(m, 23, 20, step, *two, None, seed, ID)
    for bad in (2.0**44, -(2.0**44), math.nan, math.inf):
        with pytest.raises(ValueError, match="below 2\\^44"):
            _kernels.exp_eval(m, 23, 20, 2.0**-20, two[0], np.full(16, bad), None, seed, ID)
    with pytest.raises(ValueError, match="either shares or a seed"):
        _kernels.exp_eval(m, 23, 20, 2.0**-20, *two, None, None, ID)
    with pytest.raises(ValueError, match="shares must have 10 elements, not 9"):
        _kernels.exp_eval(m, 23, 20, 2.0**-20, *two, words(9), None, ID)
