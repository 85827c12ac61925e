"""What every source's columns must pass, and finding the row that does not, without showing what is in it."""

from __future__ import annotations

import math
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from coterie.errors import CoterieError

from .errors import NOT_FINITE, NULL_VALUE, WRONG_TYPE
from .schema import Column

__all__ = ["Place", "arrow_type", "checked_values", "first_refused", "kind_of_text", "wrong_type"]

_ALIASES = {
    "int": "int64",
    "float": "float64",
    "bool": "bool",
    "text": "large_string",
    "category": "large_string",
}

WORDS = {
    "int": "a whole number of 64 bits",
    "float": "a number",
    "bool": "true or false",
    "text": "text",
    "category": "text",
}

Place = Callable[[int], str]
"""Where row i (from 0) is in the file, in words."""


def arrow_type(kind: str) -> pa.DataType:
    """Arrow's type of a declared one."""
    return pa.type_for_alias(_ALIASES[kind])


def checked_values(values: pa.ChunkedArray, column: Column, place: Place) -> pa.ChunkedArray:
    """Values of the declared type: NaN turned to null, all finite, no null where none may be.

    Raises CT-1431, CT-1432.
    """
    if pa.types.is_floating(values.type) and not _finite(values):
        infinite = pc.index(pc.is_inf(values), True).as_py()
        if infinite >= 0:
            raise NOT_FINITE(f"column '{column.name}', {place(infinite)}")
        values = pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)
    if values.null_count and not column.nullable and column.role != "id":
        row = pc.index(pc.is_null(values), True).as_py()
        raise NULL_VALUE(f"column '{column.name}', {place(row)}")
    return values


def _finite(values: pa.ChunkedArray) -> bool:
    """False where there is a NaN or an infinity, which no sum hides; it may be False for huge numbers too."""
    total = pc.sum(values).as_py()
    return total is None or math.isfinite(total)


def first_refused(values: pa.Array, kind: str) -> int | None:
    """Position of the first of ``values`` that does not convert to the declared type; None if all do."""
    if _converts(values, kind):
        return None
    low, high = 0, len(values)  # by halving: a conversion says that it failed, not where
    while high - low > 1:
        middle = (low + high) // 2
        if _converts(values[low:middle], kind):
            low = middle
        else:
            high = middle
    return low


def _converts(values: pa.Array, kind: str) -> bool:
    try:
        pc.cast(values, arrow_type(kind), safe=True)
    except pa.ArrowException:
        return False
    return True


def wrong_type(column: Column, where: str, found: str) -> CoterieError:
    """CT-1430 for a value, given by the kind of thing that it is."""
    return WRONG_TYPE(f"column '{column.name}', {where}: {found} where {WORDS[column.type]} is declared")


def kind_of_text(text: str) -> str:
    """What a cell's text is, in words that tell nothing of its value."""
    try:
        number = float(text)
    except ValueError:
        return "a text"
    if math.isinf(number):
        return "an infinite number"
    if math.isnan(number):
        return "a NaN"
    if not number.is_integer():
        return "a number with a fraction"
    return "a number too large or not written as a whole one"
