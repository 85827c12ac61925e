"""What functions take: secrets, private arrays, public numbers and arrays; and how these meet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import digest
from coterie.mpc.arrays import Bits, Opaque, Private, Secret
from coterie.mpc.errors import NOT_FINITE, OVERFLOW
from coterie.mpc.form import axis_of
from coterie.mpc.location import program_line
from coterie.mpc.ring import FRAC, Floats, Words, check_fits, encode, fits

if TYPE_CHECKING:
    from coterie.mpc.context import Context

Public: TypeAlias = float | int | NDArray[Any]
Operand: TypeAlias = Secret | Private | Bits | Public

FACTOR_BITS = 20
"""Public factors keep as many significant bits where a program does not say."""
MOST_FACTOR_BITS = 40


def is_public(value: Any) -> bool:
    """Whether it is a number or array that all parties know."""
    return isinstance(value, int | float | np.ndarray | np.generic)


def public_array(value: Any, what: str) -> Floats:
    """A public operand as float64. Raises TypeError for what is no number, CT-2101 for integers beyond
    float64, CT-2103 for NaN and infinities."""
    if isinstance(value, Opaque):
        raise TypeError(f"{what} needs a public value here, not a {type(value).__name__}")
    array = np.asarray(value)
    # NumPy's own integers stop at 64 bits; Python's beyond them make an array of objects.
    whole = array.dtype.kind == "O" and all(isinstance(one, int) for one in array.flat)
    if array.dtype.kind not in "fiub" and not whole:
        raise TypeError(f"{what} takes numbers, not {type(value).__name__}")
    try:
        floats = array.astype(np.float64)
    except OverflowError as error:
        raise OVERFLOW(f"a public operand of {what}{program_line()}: {error}") from error
    if not np.isfinite(floats).all():
        raise NOT_FINITE(f"a public operand of {what}")
    return floats


def constant(values: Floats, frac: int, what: str) -> tuple[Words, dict[str, Any]]:
    """A public array in the ring, and what of it goes on the tape: digest, shape and range.

    Errors: CT-2101 for numbers too large.
    """
    largest = float(np.max(np.abs(values), initial=0.0))
    check_fits(largest, frac, f"a public operand of {what}" + program_line())
    words = np.asarray(encode(values, frac))
    rounded = words.view(np.int64) / 2.0**frac
    low, high = (float(rounded.min()), float(rounded.max())) if rounded.size else (0.0, 0.0)
    return words, {"digest": digest(words.tobytes()), "shape": list(words.shape), "range": [low, high]}


def places(values: Any, what: str) -> tuple[Words, dict[str, Any]]:
    """A public array of integers, and what of it goes on the tape."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{what} takes public integers")
    words = array.astype(np.int64).view(np.uint64)
    return words, {"digest": digest(words.tobytes()), "shape": list(words.shape)}


def factor_frac(values: Floats) -> int:
    """Fractional bits for a public factor: as few as show it exactly, or 20 significant bits."""
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0.0:
        return 0
    enough = min(max(FACTOR_BITS - math.frexp(largest)[1], 0), MOST_FACTOR_BITS)
    for frac in range(enough):
        scaled = values * 2.0**frac
        if np.array_equal(scaled, np.rint(scaled)):
            return frac
    return enough


def refined(secret: Secret, values: Floats) -> Secret:
    """A secret with the fractional bits that show these public numbers exactly, up to 18, where they fit."""
    needed = min(factor_frac(values), FRAC)
    finer = secret.frac < needed and fits(secret.bound, needed)
    return secret.context.refine(secret, needed) if finer else secret


def context_of(*operands: Any) -> Context:
    """Of the first that has one. Raises TypeError where all are public."""
    for operand in operands:
        if isinstance(operand, Opaque):
            return operand.context
    raise TypeError("at least one operand must be secret or private")


def secret_of(value: Operand, context: Context) -> Secret:
    """Any operand as a secret number."""
    if isinstance(value, Secret):
        return value
    if isinstance(value, Bits):
        return value.numbers()
    if isinstance(value, Private):
        zeros = context.one("zeros", [], shape=list(value.shape), frac=value.frac)
        return context.one("add_private", [zeros, value], sign=1)
    return context.public(public_array(value, "a secret operand"))


def axes_of(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """NumPy's axis argument as axes counted from the front, in order."""
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted({axis_of(one, ndim) for one in given}))
