"""Noise for differential privacy, of which every contributor adds a share before its values are masked.

Values are whole numbers of a grid. A contributor clips what each of its units gives (a record, or all that it
has), rounds it to the grid, and adds a draw of the discrete Gaussian (Canonne, Kamath, Steinke 2020). Shares
are so large that those of ``honest`` contributors are enough, whoever else colludes or has dropped out
(Kairouz, Liu, Steinke 2021): nobody has to be trusted with the noise of others, and what more is added harms
no privacy. With ``honest=1`` a contributor's own share is enough for itself: local differential privacy.

*Sensitivity* counts rounding: the clipped vector of a unit has at most norm ``clip / grid``, and rounded
``norm``. It bounds what a total can change by when a unit gives nothing. Each unit is rounded on its own and
sums are of whole numbers, so no order of additions and no rounding of doubles adds to it.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from coterie import _kernels as kernels
from coterie.fl.errors import BAD_CALL, NO_ROOM_FOR_NOISE
from coterie.fl.fixed import Fixed

__all__ = ["MOST_VALUES", "Noise", "Unit", "chosen"]

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

Unit = Literal["record", "party"]
"""Whose contribution is hidden: that of one record, or of a party with all its records."""

MOST_VALUES = 1 << 24
SLACK = 2.0**-28
"""What the norm of a clipped vector of up to ``MOST_VALUES`` doubles may be off by, relatively: their squares
are added with an error of 2^-53 each at most."""
LARGEST, SMALLEST = 1 << 40, 16
"""Variance of a share, in squares of the grid. Beside the largest that is chosen rounding vanishes; with the
smallest a sum of shares is a discrete Gaussian but for e^-150."""
TAIL = 14
"""Deviations of a share for which there must be room: it is larger with a probability below 2^-140."""
COARSE = 2.0**-7
"""Part of the norm that rounding to the nearest may add; beyond it is rounded at random, which adds less."""
TRIES = 200


def chosen(rows: int, rate: float) -> NDArray[np.intp]:
    """Indices of a Poisson sample: each of ``rows`` with probability ``rate``, rounded down to 2^-64, on its
    own, of fresh randomness of this machine. Who does not see it, does not know it."""
    if rate >= 1:
        return np.arange(rows)
    drawn = kernels.prg_u64(secrets.token_bytes(16), 0, rows)
    return np.flatnonzero(drawn < np.uint64(math.floor(math.ldexp(rate, 64))))


@dataclass(frozen=True)
class Noise:
    """How one total is made private. Make it with :meth:`of`. All of it is public."""

    unit: Unit
    clip: float
    """Norm (L2) that what a unit gives is shortened to, where it is longer."""
    multiplier: float
    """Deviation of the noise of ``honest`` contributors, in units of ``norm``: what privacy follows from."""
    values: int
    """Of a total."""
    grid: float
    """The step of values: a power of two."""
    norm: float
    """What a unit changes a total by at most, in steps of the grid."""
    variance: int
    """Of each contributor's share of the noise, in squares of the grid."""
    honest: int
    """Contributors whose shares are enough."""
    contributors: int
    parts: int
    """Units of a contributor at most."""
    bits: int
    """Of the ring that totals are taken in."""
    sampling: float = 1.0
    """The probability with which each record is in a total, which only its owner knows."""
    rounding: Literal["nearest", "random"] = "nearest"
    colluding: int = 0
    """Contributors that may pool what they know, from which ``honest`` follows: it is told, no more."""

    @classmethod
    def of(
        cls,
        unit: Unit,
        *,
        clip: float,
        multiplier: float,
        values: int,
        contributors: int,
        honest: int,
        parts: int = 1,
        bits: int = 64,
        sampling: float = 1.0,
        colluding: int = 0,
    ) -> Noise:
        """The finest grid that leaves room in the ring.

        :param multiplier: at least; what comes of it is hardly more.
        :param parts: the most records that a contributor has; 1 where the unit is a party.

        Errors: CT-2403 for arguments out of range, CT-2430 where there is no room for the noise.
        """
        fits = 0 < clip < math.inf and 0 < multiplier < math.inf and 0 < sampling <= 1
        counts = 1 <= values <= MOST_VALUES and 1 <= honest <= contributors and parts >= 1
        if not (fits and counts and (unit == "record" or (parts, sampling) == (1, 1.0))):
            raise BAD_CALL(f"noise of {multiplier} times {clip} for {values} values of {parts} {unit}s")
        room = min(Fixed(bits, 0).limit(contributors), 2.0**52)
        # In steps of the grid, a clip of 2^60 is beyond all that fits.
        for power in range(math.frexp(clip)[1] - 60, math.frexp(clip)[1] + 60):
            grid = math.ldexp(1.0, power)
            norm, rounding = _sensitivity(clip / grid, values, unit)
            wanted = (multiplier * norm) ** 2 / honest
            if wanted > LARGEST:
                continue
            variance = math.ceil(wanted)
            if variance < SMALLEST:
                break
            if parts * norm + TAIL * math.sqrt(variance) <= room:
                reached = math.sqrt(honest * variance) / norm
                return cls(
                    *(unit, clip, reached, values, grid, norm, variance, honest, contributors, parts, bits),
                    sampling=sampling,
                    rounding=rounding,
                    colluding=colluding,
                )
        raise NO_ROOM_FOR_NOISE(f"{values} values of {contributors} contributors in {bits} bits")

    @property
    def form(self) -> Fixed:
        """In which totals are taken, of whole numbers of the grid."""
        return Fixed(self.bits, 0)

    @property
    def deviation(self) -> float:
        """Of the noise in a total of all contributors, in the units of the values."""
        return math.sqrt(self.contributors * self.variance) * self.grid

    def share(self, parts: Iterable[Floats]) -> Floats:
        """What this contributor gives: its units, clipped, rounded and added up, and a fresh share of noise.

        :param parts: arrays of shape (units, values); of a party as the unit, one of one row.

        Gives (values,) whole numbers as doubles: to be added up in ``form`` and multiplied by ``grid``. A
        unit of which a value is not finite gives nothing: were it an error, all would know that there is one.
        """
        total = np.zeros(self.values, np.int64)
        seen = 0
        for some in parts:
            seen += len(some)
            if some.ndim != 2 or some.shape[1] != self.values or seen > self.parts:
                raise BAD_CALL(f"values of shape {some.shape} in a total of {self.values}, of {self.parts}")
            total += self._rounded(some).sum(axis=0)
        drawn = kernels.discrete_gaussian(secrets.token_bytes(16), self.variance, self.values)
        return (total + drawn).astype(np.float64)

    def _rounded(self, some: Floats) -> Whole:
        some = np.where(np.isfinite(some).all(axis=1, keepdims=True), some, 0.0)
        with np.errstate(over="ignore", divide="ignore"):  # beyond all numbers it is shortened to nothing
            norms = np.sqrt(np.square(some).sum(axis=1))
            factors = np.minimum(1.0, self.clip / norms)
        scaled = some * (factors / self.grid)[:, None]
        if self.rounding == "nearest":
            nearest: Whole = np.rint(scaled).astype(np.int64)
            return nearest
        return np.array([self._at_random(row) for row in scaled], np.int64).reshape(-1, self.values)

    def _at_random(self, row: Floats) -> Whole:
        """Up or down, to the row itself in the mean, until the norm is within its bound: two or three times
        are the rule. Towards zero, which lengthens nothing, should it never be."""
        coins = np.random.Generator(np.random.Philox(int.from_bytes(secrets.token_bytes(16))))
        below = np.floor(row)
        for _ in range(TRIES):
            found = below + (coins.random(len(row)) < row - below)
            if float(np.square(found).sum()) <= self.norm**2 * (1 - SLACK):
                return found.astype(np.int64)
        return np.trunc(row).astype(np.int64)


def _sensitivity(clip: float, values: int, unit: Unit) -> tuple[float, Literal["nearest", "random"]]:
    """Norm of a rounded vector of norm ``clip``, in steps of the grid, and how it is rounded.

    To the nearest, each value moves by half a step at most. At random see Kairouz, Liu, Steinke (2021) on
    conditional rounding, with beta = e^(-1/2): the bound holds in two of five times at least.
    """
    clip *= 1 + SLACK
    if unit == "record" or math.sqrt(values) / 2 <= COARSE * clip:
        return clip + math.sqrt(values) / 2, "nearest"
    square = clip**2 + values / 4 + clip + math.sqrt(values) / 2
    return math.sqrt(square) * (1 + SLACK), "random"
