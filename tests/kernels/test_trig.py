"""Shared trigonometric sums against NumPy's sine and cosine."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie import _kernels

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
ID = 77


def seeds(count: int) -> list[bytes]:
    return [bytes([party + 1]) * 16 for party in range(count)]


def words(n: int) -> Words:
    return np.random.default_rng(n).integers(0, 2**64, size=n, dtype=np.uint64)


def deal(mask: Words, period_bits: int, terms: int, frac: int, own: list[bytes], **how: Any) -> Words:
    first, step, half = how.get("first", 1), how.get("step", 1), how.get("half", False)
    return _kernels.trig_deal(mask, period_bits, terms, first, step, frac, half, own, ID)


def share(
    opened: Words,
    sines: Floats,
    period_bits: int,
    frac: int,
    out_frac: int,
    shares: Words | None,
    seed: bytes | None,
    **how: Any,
) -> Words:
    first, step, half = how.get("first", 1), how.get("step", 1), how.get("half", False)
    cosines = how.get("cosines")
    return _kernels.trig_eval(
        opened, sines, cosines, period_bits, first, step, frac, out_frac, half, shares, seed, ID
    )


def evaluate(
    z: Words,
    mask: Words,
    sines: Floats,
    period_bits: int,
    frac: int,
    out_frac: int,
    parties: int,
    **how: Any,
) -> Floats:
    """All parties and the dealer: the first ones expand their shares, the last is sent the correction."""
    own = seeds(parties - 1)
    correction = deal(mask, period_bits, len(sines), frac, own, **how)
    opened = (z + mask) & np.uint64(2**period_bits - 1)
    total = share(opened, sines, period_bits, frac, out_frac, correction, None, **how)
    for seed in own:
        total = total + share(opened, sines, period_bits, frac, out_frac, None, seed, **how)
    return total.astype(np.int64) / 2.0 ** (out_frac + 32 * how.get("half", False))


def angles(z: Words, period_bits: int) -> Floats:
    """2πz / 2^P, in (-π, π]: exact on the integer, rounded once."""
    signed = (z << np.uint64(64 - period_bits)).astype(np.int64) >> (64 - period_bits)
    return signed.astype(np.float64) * (2 * np.pi / 2.0**period_bits)


def bound(coefficients: Floats, frac: int, out_frac: int, terms: int = 0) -> float:
    """Dealt values are off by 2^-(frac+1), public factors by 2^-(out_frac-frac+1); a term has two of each."""
    dealt = np.abs(coefficients).sum() * 2 * 2.0 ** -(frac + 1)
    public = (terms or len(coefficients)) * 2 * 2.0 ** -(out_frac - frac + 1)
    return float(dealt + public) * 1.01


@pytest.mark.parametrize("period_bits", [1, 2, 3, 30, 37, 41, 42, 52, 53, 54, 55, 60, 63, 64])
@pytest.mark.parametrize("parties", [2, 3])
def test_sums_of_sines(period_bits: int, parties: int) -> None:
    n, terms, frac, out_frac = 1000, 12, 24, 50
    rng = np.random.default_rng(period_bits)
    z, mask = words(n), words(n + 1)[1:]
    z[:4] = np.array([0, 1, 2**64 - 1, 2 ** (period_bits - 1)], dtype=np.uint64)
    coefficients = rng.normal(size=terms)
    expected = np.sin(np.outer(angles(z, period_bits), np.arange(1, terms + 1))) @ coefficients
    found = evaluate(z, mask, coefficients, period_bits, frac, out_frac, parties)
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound(coefficients, frac, out_frac))


@pytest.mark.parametrize(("first", "step"), [(1, 1), (1, 2), (2, 1), (3, 4)])
@pytest.mark.parametrize("parties", [2, 3])
def test_sums_of_sines_and_cosines_of_any_harmonics(first: int, step: int, parties: int) -> None:
    n, terms, period_bits, frac, out_frac = 1000, 7, 44, 25, 50
    rng = np.random.default_rng(first)
    z, mask = words(n), words(n + 1)[1:]
    sines, cosines = rng.normal(size=(2, terms))
    angle = np.outer(angles(z, period_bits), first + step * np.arange(terms))
    expected = np.sin(angle) @ sines + np.cos(angle) @ cosines
    how = {"first": first, "step": step, "cosines": cosines}
    found = evaluate(z, mask, sines, period_bits, frac, out_frac, parties, **how)
    slack = bound(np.append(sines, cosines), frac, out_frac, 2 * terms)
    np.testing.assert_allclose(found, expected, rtol=0, atol=slack)


@pytest.mark.parametrize("n", [1, 63, 64, 65, 1000, 70_001])
@pytest.mark.parametrize("parties", [2, 3])
def test_half_words_carry_sums_below_one(n: int, parties: int) -> None:
    period_bits, frac, out_frac = 41, 14, 30
    z, mask = words(n), words(n + 1)[1:]
    sines, cosines = np.array([0.6, 0.1, -0.05]), np.array([0.1, -0.1, 0.02])
    angle = np.outer(angles(z, period_bits), [1, 3, 5])
    expected = np.sin(angle) @ sines + np.cos(angle) @ cosines
    how = {"step": 2, "cosines": cosines, "half": True}
    assert deal(mask, period_bits, 3, frac, seeds(1), step=2, half=True).shape == (3 * n,)
    found = evaluate(z, mask, sines, period_bits, frac, out_frac, parties, **how)
    slack = bound(np.append(sines, cosines), frac, out_frac, 6)
    np.testing.assert_allclose(found, expected, rtol=0, atol=slack)


def test_a_sigmoid() -> None:
    """The prototype's numbers: L = 12, T = 16, 12 terms, z with 36 fractional bits, 14 + 14 bits."""
    x = np.linspace(0, 12, 4000)
    j = np.arange(1, 13)
    fit = np.linalg.lstsq(np.sin(np.pi * np.outer(x, j) / 16), 1 / (1 + np.exp(-x)) - 0.5, rcond=None)[0]
    values = np.linspace(-12, 12, 20_001)
    z = np.round(values * 2.0**36).astype(np.int64).astype(np.uint64)
    found = evaluate(z, words(len(z)), np.asarray(fit, np.float64), 41, 14, 28, 2)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-values)) - 0.5, rtol=0, atol=1.5e-3)


@given(st.integers(0, 300), st.integers(1, 40), st.integers(30, 60), st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_all_shapes(n: int, terms: int, period_bits: int, parties: int) -> None:
    z, mask = words(n), words(n + 1)[1:]
    coefficients = np.cos(np.arange(1.0, terms + 1))
    expected = np.sin(np.outer(angles(z, period_bits), np.arange(1, terms + 1))) @ coefficients
    found = evaluate(z, mask, coefficients, period_bits, 28, 56, parties)
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound(coefficients, 28, 56))


def sine(x: Fraction) -> Fraction:
    """Taylor's series, exactly, far beyond any float."""
    term, total = x, x
    for k in range(1, 30):
        term *= -x * x / ((2 * k) * (2 * k + 1))
        total += term
    return total


PI = Fraction(314159265358979323846264338327950288419716939937510, 10**50)


@pytest.mark.parametrize(
    "m", [0, 1, 3 << 50, (1 << 58) - 1, 1 << 58, 3 << 57, 5 << 57, 123456789123456789, 7 << 56]
)
def test_dealt_values_are_exactly_rounded_sines(m: int) -> None:
    """With no party expanding anything, the correction is the fixed-point value itself."""
    period_bits, frac = 60, 50
    found = deal(np.array([m], dtype=np.uint64), period_bits, 3, frac, []).astype(np.int64)
    for j in (1, 2, 3):
        angle = 2 * PI * Fraction(m * j % 2**period_bits, 2**period_bits)
        exact = [sine(angle) * 2**frac, sine(angle + PI / 2) * 2**frac]
        for value, wanted in zip(found[2 * (j - 1) : 2 * j].tolist(), exact, strict=True):
            assert abs(value - wanted) <= Fraction(1, 2) + j * 2**frac * Fraction(1, 10**15)


def test_large_arrays_keep_shape_on_all_cores() -> None:
    z, mask = words(60_000), words(60_001)[1:]
    coefficients = np.array([1.0, -0.5])
    whole = evaluate(z.reshape(300, 200), mask.reshape(300, 200), coefficients, 41, 20, 40, 2)
    assert whole.shape == (300, 200)
    expected = np.sin(np.outer(angles(z, 41), [1, 2])) @ coefficients
    np.testing.assert_allclose(whole.ravel(), expected, rtol=0, atol=bound(coefficients, 20, 40))


def test_only_the_low_bits_count() -> None:
    z, coefficients = words(500), np.array([0.3, 0.2, 0.1])
    low = z & np.uint64(2**41 - 1)
    for m in (z, low):
        np.testing.assert_array_equal(
            share(m, coefficients, 41, 14, 28, None, bytes(16)),
            share(low, coefficients, 41, 14, 28, None, bytes(16)),
        )
    np.testing.assert_array_equal(deal(z, 41, 3, 14, seeds(1)), deal(low, 41, 3, 14, seeds(1)))


def rounded(x: float) -> int:
    return int(np.rint(x))


def stated(turn: int, terms: int) -> list[tuple[float, float]]:
    """Sines and cosines of multiples of 2π turn / 2^64 by the operations that the kernel promises.

    Python's floats are IEEE 754 doubles and never fused: equal results to the last bit show that the compiled
    code does no more and no less than what is written.
    """
    quarter = ((turn + 2**61) >> 62) & 3
    rest = (turn - (quarter << 62) + 2**63) % 2**64 - 2**63
    x = float((rest + 2**9) >> 10) * (math.tau / 2.0**54)
    y = x * x
    sin, cos = -1.0 / math.factorial(15), 1.0 / math.factorial(16)
    for n, sign in ((13, 1), (11, -1), (9, 1), (7, -1), (5, 1), (3, -1)):
        sin = sin * y + sign / math.factorial(n)
    for n, sign in ((14, -1), (12, 1), (10, -1), (8, 1), (6, -1), (4, 1), (2, -1)):
        cos = cos * y + sign / math.factorial(n)
    sin, cos = x + x * (y * sin), 1.0 + y * cos
    s, c = [(sin, cos), (cos, -sin), (-sin, -cos), (-cos, sin)][quarter]
    multiples = [(s, c)]
    for _ in range(terms - 1):
        sin, cos = multiples[-1]
        multiples.append((sin * c + cos * s, cos * c - sin * s))
    return multiples


def test_every_bit_is_as_stated() -> None:
    n, terms, period_bits, frac, out_frac = 777, 9, 47, 20, 61
    m = words(n)
    m[:8] = np.arange(8, dtype=np.uint64) << np.uint64(44)
    factors = np.random.default_rng(5).normal(size=terms) * 2.0 ** (out_frac - frac)
    shares = words(2 * n * terms)
    angle = [stated(value << (64 - period_bits) & (2**64 - 1), terms) for value in m.tolist()]
    dealt = deal(m, period_bits, terms, 50, []).tolist()
    found = share(m, factors / 2.0 ** (out_frac - frac), period_bits, frac, out_frac, shares, None)
    for first in range(0, n, 64):
        rows = range(first, min(first + 64, n))
        block, given = 2 * terms * first, shares.tolist()
        for k, row in enumerate(rows):
            total = 0
            for j, (sin, cos) in enumerate(angle[row]):
                at = block + 2 * j * len(rows) + k
                assert dealt[at] == rounded(sin * 2.0**50) % 2**64
                assert dealt[at + len(rows)] == rounded(cos * 2.0**50) % 2**64
                factor = float(factors[j])
                total += rounded(sin * factor) * given[at + len(rows)] - rounded(cos * factor) * given[at]
            assert found[row] == total % 2**64


def test_public_factors_never_change() -> None:
    """Parties of different versions and processors must find the same bits: a digest of many."""
    m = np.arange(4096, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    coefficients = 1.0 / np.arange(1.0, 17.0)
    arrays = [
        share(m, coefficients, 47, 20, 50, None, bytes(16)),
        deal(m, 47, 16, 50, []),
        share(
            m, coefficients, 47, 14, 28, None, bytes(16), cosines=coefficients[::-1].copy(), step=2, half=True
        ),
        deal(m, 47, 16, 30, [], step=2, half=True),
    ]
    digests = [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays]
    assert digests == [
        "7a2b6eddd6791e6ee4d35373bed88f4ed6cedaa11f0d515ac471e596433792be",
        "000bd850ecf413125b78b90dd53b379eacaafc96f04285acf2c026ca7b4f2824",
        "9850d66a8ef871b194f897caa5f5a48104f17c40d9bad415734a0af2b1ac1ba6",
        "b05c0aefa0102a9f19188d79b34e8e025a15b8aa0ba3968a5a3e10fff926c990",
    ]


def test_wrong_arguments_are_refused() -> None:
    m, b, seed = words(5), np.array([1.0, 2.0]), bytes(16)
    shares = words(20)
    for bits in (0, 65, -1):
        with pytest.raises(ValueError, match="period_bits must be from 1 to 64"):
            deal(m, bits, 2, 14, [seed])
        with pytest.raises(ValueError, match="period_bits must be from 1 to 64"):
            share(m, b, bits, 14, 28, shares, None)
    for terms in (0, 1025):
        with pytest.raises(ValueError, match="terms must be from 1 to 1024"):
            deal(m, 41, terms, 14, [seed])
        with pytest.raises(ValueError, match="coefficients must be from 1 to 1024"):
            share(m, np.ones(terms), 41, 14, 28, shares, None)
        with pytest.raises(ValueError, match="first must be from 1 to 1024"):
            deal(m, 41, 2, 14, [seed], first=terms)
        with pytest.raises(ValueError, match="step must be from 1 to 1024"):
            share(m, b, 41, 14, 28, shares, None, step=terms)
    with pytest.raises(ValueError, match="frac must be from 0 to 50"):
        deal(m, 41, 2, 51, [seed])
    with pytest.raises(ValueError, match="out_frac must be from 0 to 62"):
        share(m, b, 41, 14, 63, shares, None)
    with pytest.raises(ValueError, match="16 bytes"):
        share(m, b, 41, 14, 28, None, b"short")
    with pytest.raises(ValueError, match="either shares or a seed"):
        share(m, b, 41, 14, 28, None, None)
    with pytest.raises(ValueError, match="either shares or a seed"):
        share(m, b, 41, 14, 28, shares, seed)
    with pytest.raises(ValueError, match="shares must have 20 elements, not 19"):
        share(m, b, 41, 14, 28, shares[:19], None)
    with pytest.raises(ValueError, match="shares must have 10 elements, not 20"):
        share(m, b, 41, 14, 28, shares, None, half=True)
    with pytest.raises(ValueError, match="as many cosines as sines"):
        share(m, b, 41, 14, 28, shares, None, cosines=np.ones(3))
    with pytest.raises(ValueError, match="sines must have elements of type float64"):
        share(m, b.astype(np.float32), 41, 14, 28, shares, None)
    for bad in (math.nan, math.inf, -math.inf, 2.0**35, -(2.0**35)):
        with pytest.raises(ValueError, match="below 2\\^49"):
            share(m, np.array([1.0, bad]), 41, 14, 28, shares, None)
        with pytest.raises(ValueError, match="below 2\\^49"):
            share(m, b, 41, 14, 28, shares, None, cosines=np.array([1.0, bad]))
