"""The count on shares: which bins have equal strings, and how many these are.

The strings come of :mod:`coterie.psi`: one party's, less the other's, are shares of zero where the bin's row
is common. All rounds are for all bins at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coterie.mpc import Context, Inputs, Interval, Kept, Program, functions
from coterie.psi import string_bits

__all__ = ["COUNT", "counting", "inputs"]

COUNT = "number of common rows"
STRINGS = "strings"
WHOLE = 60
"""Bits that are compared at once: the difference of two such numbers keeps within the ring's range."""
HALF = 32


def _parts(bins: int) -> tuple[tuple[int, ...], float]:
    """Shape of the strings as numbers, and their bound."""
    bits = string_bits(bins)
    return ((bins,), 2.0**bits) if bits <= WHOLE else ((2, bins), 2.0**HALF)


def inputs(strings: NDArray[np.uint64], receives: bool) -> Inputs:
    """A party's shares of the differences; the receiver of the intersection takes the first sign."""
    shape, bound = _parts(len(strings))
    low = np.uint64((1 << HALF) - 1)
    words = strings if len(shape) == 1 else np.stack([strings & low, strings >> np.uint64(HALF)])
    return {STRINGS: Kept(words if receives else np.negative(words), 0, Interval(-bound, bound))}


def counting(bins: int, to: tuple[str, ...], epsilon: float | None) -> Program:
    """Tells ``to`` how many bins have equal strings, with noise where there is an epsilon."""
    shape, bound = _parts(bins)

    def program(ctx: Context) -> None:
        with ctx.section("comparing"):
            equal = functions.equal(ctx.shared(STRINGS, shape, bound, 0), 0)
            common = equal if len(shape) == 1 else functions.all(equal, axis=0)
        with ctx.section("counting"):
            count = functions.numbers(common).sum()
            if epsilon is None:
                ctx.reveal(count, to, COUNT)
            else:
                # Each party draws noise of the whole width: who takes its own off has the other's left.
                functions.noisy_reveal(count, to, COUNT, sensitivity=1, epsilon=epsilon, by="parties")

    return program
