"""Short sums of sines and cosines that stand for a smooth function on an interval.

    f(z) ≈ constant + linear z + Σ_j a_j cos(j π z / P) + b_j sin(j π z / P),   j = first, first + step, …

A function that has no period is fitted on an interval shorter than the sum's, 2P; what the sum does elsewhere
is its own business, and this freedom makes the coefficients fall exponentially (Fourier extension: Boyd 2002;
Huybrechs 2010). The linear term, which costs nothing to evaluate on shares, takes away the difference of the
two ends. Functions that flatten out at both ends are mirrored there: odd j alone, 2P four times the limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from coterie.mpc.ring import Floats

GRID_BITS = 32
"""Constant and coefficients are multiples of 2^-32: so that all machines have the same."""


@dataclass(frozen=True)
class Sum:
    """One trigonometric sum."""

    half_period: float
    """T, a power of two: what the guard of the range takes for half a period."""
    stretch: int
    """P / T: 1, 2 or 4."""
    first: int
    step: int
    constant: float
    linear: float
    linear_frac: int
    """``linear`` is a multiple of 2^-linear_frac."""
    sines: tuple[float, ...]
    cosines: tuple[float, ...]
    """As many as sines, or none."""
    low: float
    high: float
    """No value lies outside, as long as z is in the range that is known or watched."""

    @property
    def terms(self) -> int:
        return len(self.sines)

    @property
    def period_bits(self) -> int:
        """log2 of P / T."""
        return self.stretch.bit_length() - 1

    @property
    def norm(self) -> float:
        """Root of the sum of squares of the coefficients."""
        return float(np.sqrt(sum(c * c for c in (*self.sines, *self.cosines))))

    def __call__(self, z: Floats) -> Floats:
        """The sum in float64."""
        angles = np.pi / (self.half_period * self.stretch) * z
        result = self.constant + self.linear * z
        for k, sine in enumerate(self.sines):
            j = self.first + k * self.step
            result = result + sine * np.sin(j * angles)
            if self.cosines:
                result = result + self.cosines[k] * np.cos(j * angles)
        return result

    def slope(self, z: Floats) -> Floats:
        """The derivative of the trigonometric part."""
        angle = np.pi / (self.half_period * self.stretch)
        result = np.zeros_like(z)
        for k, sine in enumerate(self.sines):
            j = (self.first + k * self.step) * angle
            result = result + j * sine * np.cos(j * z)
            if self.cosines:
                result = result - j * self.cosines[k] * np.sin(j * z)
        return result

    def to_params(self) -> dict[str, Any]:
        """As plain values, for the tape."""
        return {
            "half_period": self.half_period,
            "harmonics": [self.stretch, self.first, self.step],
            "constant": _integer(self.constant),
            "linear": [int(self.linear * 2.0**self.linear_frac), self.linear_frac],
            "sines": [_integer(value) for value in self.sines],
            "cosines": [_integer(value) for value in self.cosines],
            "range": [self.low, self.high],
        }

    @staticmethod
    def from_params(params: dict[str, Any]) -> Sum:
        stretch, first, step = params["harmonics"]
        linear, linear_frac = params["linear"]
        grid = 2.0**-GRID_BITS
        return Sum(
            half_period=params["half_period"],
            stretch=stretch,
            first=first,
            step=step,
            constant=params["constant"] * grid,
            linear=linear * 2.0**-linear_frac,
            linear_frac=linear_frac,
            sines=tuple(value * grid for value in params["sines"]),
            cosines=tuple(value * grid for value in params["cosines"]),
            low=params["range"][0],
            high=params["range"][1],
        )


def _integer(value: float) -> int:
    """In units of the grid; exact, for what is a multiple of it."""
    return round(value * 2.0**GRID_BITS)


@dataclass(frozen=True)
class Named:
    """A sum of z = gain x for a known function of x."""

    factor: int
    frac: int
    """The gain is factor / 2^frac."""
    error: float
    """Largest up to the limit."""
    beyond: float
    """Largest as far as the range guard may let x pass."""
    sum: Sum

    @property
    def gain(self) -> float:
        return self.factor / 2.0**self.frac


def odd(
    factor: int,
    frac: int,
    error: float,
    beyond: float,
    values: tuple[float, float],
    constant: int,
    *,
    sines: str = "",
    cosines: str = "",
) -> Named:
    """Of odd harmonics, mirrored at z = 8. Integers, in strings too, stand for multiples of 2^-32."""
    grid = 2.0**-GRID_BITS
    of_cosines = tuple(int(value) * grid for value in cosines.split())
    of_sines = tuple(int(value) * grid for value in sines.split()) or (0.0,) * len(of_cosines)
    made = Sum(
        half_period=16.0,
        stretch=1,
        first=1,
        step=2,
        constant=constant * grid,
        linear=0.0,
        linear_frac=0,
        sines=of_sines,
        cosines=of_cosines,
        low=values[0],
        high=values[1],
    )
    return Named(factor, frac, error, beyond, made)
