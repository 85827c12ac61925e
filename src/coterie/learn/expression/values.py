"""Columns and constants as expressions compute with them, and the operations on them.

Numbers are int64 or float64, truth values bool, texts large strings; each may be null, and what is computed
of a null is null. A float that would be infinite or no number is null, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .errors import EXPRESSION_UNFIT

__all__ = [
    "Datum",
    "as_float",
    "common",
    "compared",
    "divided",
    "finite",
    "floored",
    "need_truth",
    "number",
    "of_column",
    "of_constant",
]

Datum: TypeAlias = pa.ChunkedArray | pa.Scalar

INT, FLOAT, TRUTH, TEXT = pa.int64(), pa.float64(), pa.bool_(), pa.large_string()
_LEAST = np.iinfo(np.int64).min
COMPARE = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "==": pc.equal,
    "!=": pc.not_equal,
}


def of_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column in one of the four types."""
    kind = column.type
    if pa.types.is_boolean(kind):
        return column
    if pa.types.is_integer(kind):
        return column.cast(INT)
    if pa.types.is_floating(kind):
        return finite(column.cast(FLOAT))
    return column.cast(FLOAT if pa.types.is_null(kind) else TEXT)


def of_constant(value: bool | int | float | str) -> pa.Scalar:
    kind = {bool: TRUTH, int: INT, float: FLOAT, str: TEXT}[type(value)]
    return pa.scalar(value, kind)


def finite(value: Datum) -> Datum:
    """Floats with null for what is infinite or no number."""
    return pc.if_else(pc.is_finite(value), value, pa.scalar(None, FLOAT))


def number(value: Datum, position: int, to: pa.DataType | None = None) -> Datum:
    """A value to compute with: truth values are 0 and 1. Errors: CT-3117 for a text."""
    if value.type == TEXT:
        raise EXPRESSION_UNFIT(f"character {position}: a text where a number is needed")
    if to == FLOAT:
        return as_float(value)
    return value.cast(INT) if value.type == TRUTH else value


def as_float(value: Datum) -> Datum:
    """A number as float64: whole numbers beyond 2^53 are rounded."""
    return pc.cast(value, FLOAT, safe=False)


def need_truth(value: Datum, position: int) -> Datum:
    """Errors: CT-3117."""
    if value.type != TRUTH:
        raise EXPRESSION_UNFIT(f"character {position}: a condition is needed, such as a comparison")
    return value


def common(values: Sequence[Datum], position: int) -> list[Datum]:
    """The values in one type that has room for all. Errors: CT-3117 where texts are mixed with others."""
    kinds = {value.type for value in values}
    if len(kinds) == 1:
        return list(values)
    if TEXT in kinds:
        raise EXPRESSION_UNFIT(f"character {position}: texts mixed with numbers or truth values")
    to = FLOAT if FLOAT in kinds else INT
    return [number(value, position, to) for value in values]


def compared(sign: str, left: Datum, right: Datum, position: int) -> Datum:
    """Errors: CT-3117."""
    a, b = common([left, right], position)
    if a.type == TRUTH and sign not in ("==", "!="):
        a, b = a.cast(INT), b.cast(INT)
    return COMPARE[sign](a, b)


def divided(sign: str, left: Datum, right: Datum) -> Datum:
    """``/``, ``//`` and ``%`` of numbers, as Python has them; null where the divisor is 0.

    ``/`` gives floats; the others whole numbers of whole numbers.
    """
    if sign == "/" or FLOAT in (left.type, right.type):
        a, b = as_float(left), as_float(right)
        if sign == "/":
            return finite(pc.divide(a, b))
        whole = finite(pc.floor(pc.divide(a, b)))
        if sign == "//":
            return whole
        return finite(_by_numpy(np.mod, a, b, whole))
    beyond = pc.and_(pc.equal(left, _LEAST), pc.equal(right, -1))
    with_result = pc.and_(pc.not_equal(right, 0), pc.invert(beyond))
    safe = pc.if_else(pc.equal(right, 0), pa.scalar(1, INT), right)
    whole = pc.if_else(with_result, pa.scalar(0, INT), pa.scalar(None, INT))
    return _by_numpy(np.floor_divide if sign == "//" else np.mod, left, safe, whole)


def _by_numpy(function: np.ufunc, left: Datum, right: Datum, where: Datum) -> Datum:
    """A function of NumPy, null where ``where`` is."""
    a, b = _filled(left), _filled(right)
    with np.errstate(all="ignore"):
        found = function(a, b)
    missing = np.broadcast_to(~_filled(pc.is_valid(where)).astype(bool), found.shape)
    if isinstance(left, pa.Scalar) and isinstance(right, pa.Scalar):
        return pa.scalar(None if missing.all() else found.item(), left.type)
    return pa.chunked_array([pa.array(found, left.type, mask=missing)])


def _filled(value: Datum) -> NDArray[np.generic]:
    """Numbers with 1 for nulls; of a constant one number."""
    if isinstance(value, pa.Scalar):
        return np.asarray(1 if not value.is_valid else value.as_py())
    if value.type == TRUTH:
        value = value.cast(pa.int8())
    numbers: NDArray[np.generic] = pc.fill_null(value, pa.scalar(1, value.type)).to_numpy()
    return numbers


def floored(function: str, value: Datum, position: int) -> Datum:
    """``floor``, ``ceil`` or ``round`` to whole numbers. Errors: CT-3117 beyond 64 bits."""
    if value.type == INT:
        return value
    rounded = {"floor": pc.floor, "ceil": pc.ceil, "round": pc.round}[function](value)
    try:
        return rounded.cast(INT)
    except pa.ArrowInvalid:
        raise EXPRESSION_UNFIT(f"character {position}: a value beyond whole numbers of 64 bits") from None
