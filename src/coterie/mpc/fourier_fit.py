"""Fits trigonometric sums, the same to the last bit on every machine.

The coefficients are public factors: all parties must have the same ones, and a tape names them, so that
parties who do not are told. Least squares as numerical libraries do it differs in the last bits from one
processor to the next, and so do their sines. So samples are rounded; angles come from the kernel that
promises the same bits everywhere; sums are added up in an order of our own; all else are single IEEE 754
operations. What comes out is rounded to 2^-32.

The fit is weighted least squares on Chebyshev points, reweighted a few times towards the largest errors
(Lawson 1961), which brings it near the minimax one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from coterie._kernels import trig_deal
from coterie.mpc.fourier import GRID_BITS, Sum
from coterie.mpc.ring import Floats

ALARM = 7 / 8
"""Of T: no farther does the guard let z pass, see ``protocols.range_check``."""

Function = Callable[[Floats], Floats]

POINTS = 192
_BLOCK = 64
_POINT_BITS = 20
_SAMPLE_BITS = 44
"""Samples are rounded to this many bits of the largest."""
_TRIG_FRAC = 50
_LINEAR_BITS = 8
"""Significant bits of the linear coefficient: few, as it needs as many more fractional bits of the result."""


@dataclass(frozen=True)
class Basis:
    """What a sum may consist of."""

    half_period: float
    stretch: int
    first: int = 1
    step: int = 1
    linear: bool = True
    constant: bool = True
    sines: bool = True
    cosines: bool = True


@dataclass(frozen=True)
class Fit:
    """A sum, and how good it is."""

    sum: Sum
    error: float
    """Largest on a dense grid."""
    slope: float
    """Steepest slope of its trigonometric part, relative as the error: how much an error of z counts."""
    least: float
    """Smallest magnitude of the function there."""


def points(low: float, high: float) -> Floats:
    """Chebyshev points of an interval, denser at its ends."""
    centre, half = (low + high) / 2, (high - low) / 2
    places = np.cos((np.arange(POINTS) + 0.5) * (np.pi / POINTS))
    return np.asarray(centre + half * (np.rint(places * 2**_POINT_BITS) / 2**_POINT_BITS))


def sampled(function: Function, low: float, high: float) -> Floats:
    """Rounded samples at :func:`points`."""
    samples = np.asarray(function(points(low, high)), dtype=np.float64)
    if samples.shape != (POINTS,) or not np.isfinite(samples).all():
        raise ValueError(f"the function has no finite value everywhere from {low:.6g} to {high:.6g}")
    unit = 2.0 ** (math.frexp(float(np.abs(samples).max()))[1] - _SAMPLE_BITS)
    return np.asarray(np.rint(samples / unit) * unit)


def fit(
    function: Function,
    low: float,
    high: float,
    basis: Basis,
    terms: int,
    rounds: int = 8,
    relative: bool = False,
    watched: bool = True,
) -> Fit:
    """The best sum of that many terms for z in ``[low, high]``.

    :param rounds: of reweighting.
    :param watched: whether a guard may let z pass beyond, so that the range of values reaches as far.
    :param relative: whether errors count in relation to the function.
    """
    samples = sampled(function, low, high)
    sum_ = _fit(tuple(samples.tolist()), low, high, basis, terms, rounds, relative, watched)
    dense = np.linspace(low, high, 4001)
    truth = function(dense)
    weight = 1 / np.abs(truth) if relative else np.ones_like(dense)
    error = float((np.abs(sum_(dense) - truth) * weight).max())
    slope = float((np.abs(sum_.slope(dense)) * weight).max())
    return Fit(sum_, error, slope, float(np.abs(truth).min()))


@lru_cache(maxsize=256)
def _fit(
    samples: tuple[float, ...],
    low: float,
    high: float,
    basis: Basis,
    terms: int,
    rounds: int,
    relative: bool,
    watched: bool,
) -> Sum:
    z, target = points(low, high), np.array(samples)
    columns = _columns(z, basis, terms)
    scale = 1 / np.abs(target) if relative else np.ones(POINTS)
    linear = linear_frac = 0
    if basis.linear:
        free = _best([*columns, z], target, scale, 0)
        linear, linear_frac = _short(free[-1])
        target = target - linear * 2.0**-linear_frac * z
    found = np.rint(_best(columns, target, scale, rounds) * 2.0**GRID_BITS) * 2.0**-GRID_BITS
    constant = float(found[0]) if basis.constant else 0.0
    rest = found[int(basis.constant) :].tolist()
    sines = rest[:terms] if basis.sines else [0.0] * terms
    cosines = rest[terms * int(basis.sines) :] if basis.cosines else []
    result = Sum(
        half_period=basis.half_period,
        stretch=basis.stretch,
        first=basis.first,
        step=basis.step,
        constant=constant,
        linear=linear * 2.0**-linear_frac,
        linear_frac=linear_frac,
        sines=tuple(sines),
        cosines=tuple(cosines),
        low=0.0,
        high=0.0,
    )
    most = ALARM * basis.half_period if watched else 0.0
    return _with_range(result, min(low, -most), max(high, most))


def _with_range(made: Sum, low: float, high: float) -> Sum:
    """With the values that it takes there, rounded outward."""
    values = made(np.linspace(low, high, 4001))
    least, largest = float(values.min()), float(values.max())
    unit = 2.0 ** (math.frexp(max(abs(least), abs(largest), 2.0**-GRID_BITS))[1] - 6)
    bounds = math.floor(least / unit - 0.25) * unit, math.ceil(largest / unit + 0.25) * unit
    return Sum(**{**made.__dict__, "low": bounds[0], "high": bounds[1]})


def _columns(z: Floats, basis: Basis, terms: int) -> list[Floats]:
    """The constant, all sines, all cosines: as far as the basis has them."""
    turns = np.rint(z / (2 * basis.half_period * basis.stretch) * 2.0**53).astype(np.int64)
    words = turns.astype(np.uint64) << np.uint64(11)
    sines, cosines = [], []
    for start in range(0, POINTS, _BLOCK):
        dealt = trig_deal(
            words[start : start + _BLOCK], 64, terms, basis.first, basis.step, _TRIG_FRAC, False, [], 0
        )
        pairs = dealt.view(np.int64).reshape(terms, 2, -1) * 2.0**-_TRIG_FRAC
        sines.append(pairs[:, 0])
        cosines.append(pairs[:, 1])
    columns: list[Floats] = [np.ones(POINTS)] if basis.constant else []
    if basis.sines:
        columns.extend(np.concatenate(sines, axis=1))
    if basis.cosines:
        columns.extend(np.concatenate(cosines, axis=1))
    return columns


def _best(columns: list[Floats], target: Floats, scale: Floats, rounds: int) -> Floats:
    """Factors of the columns."""
    matrix, weights = np.stack(columns), np.ones(POINTS)
    factors = best = _least_squares(matrix, target, scale)
    least = math.inf
    for number in range(rounds + 1):
        errors = np.abs(_total((matrix * factors[:, None]).T) - target) * scale
        largest = float(errors.max())
        if largest < least:
            best, least = factors, largest
        if largest == 0.0 or number == rounds:
            break
        weights = weights * np.sqrt(errors / largest + 1e-3)
        factors = _least_squares(matrix, target, scale * weights)
    return best


def _least_squares(matrix: Floats, target: Floats, scale: Floats) -> Floats:
    """Factors of the rows, by Gram and Schmidt: each is made orthogonal to those before it twice."""
    count = len(matrix)
    basis, triangle = np.zeros((count, POINTS)), np.zeros((count, count))
    for k in range(count):
        left = matrix[k] * scale
        for _ in range(2 if k else 0):
            parts = _total(basis[:k] * left)
            triangle[:k, k] += parts
            left = left - _total((basis[:k] * parts[:, None]).T)
        triangle[k, k] = np.sqrt(_total(left * left))
        basis[k] = left / triangle[k, k]
    rest, parts = target * scale, np.zeros(count)
    for _ in range(2):
        more = _total(basis * rest)
        parts += more
        rest = rest - _total((basis * more[:, None]).T)
    factors = np.zeros(count)
    for k in reversed(range(count)):
        factors[k] = (parts[k] - _total(triangle[k] * factors)) / triangle[k, k]
    return factors


def _total(terms: Floats) -> Floats:
    """Along the last axis, in an order that does not depend on the processor: halves are added until one is
    left. NumPy's own sums take as many lanes as the processor has."""
    while terms.shape[-1] > 1:
        half = (terms.shape[-1] + 1) // 2
        upper = terms[..., half:]
        folded = terms[..., :half].copy()
        folded[..., : upper.shape[-1]] += upper
        terms = folded
    return terms[..., 0] if terms.shape[-1] else np.zeros(terms.shape[:-1])


def _short(value: float) -> tuple[int, int]:
    """A nearby number of few significant bits, and its fractional bits."""
    mantissa, exponent = math.frexp(value)
    integer, frac = round(mantissa * 2**_LINEAR_BITS), _LINEAR_BITS - exponent
    while integer and integer % 2 == 0:
        integer, frac = integer // 2, frac - 1
    if not integer or frac > 24:
        return 0, 0
    return (integer, frac) if frac >= 0 else (integer << -frac, 0)
