"""Expressions over the columns of a table, column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from coterie.errors import CoterieError

from .errors import EXPRESSION_UNFIT
from .parse import Chain, Column, Constant, Expression, Fold, Membership, Node, Operation
from .values import (
    FLOAT,
    INT,
    TRUTH,
    Datum,
    as_float,
    common,
    compared,
    divided,
    finite,
    floored,
    need_truth,
    number,
    of_column,
    of_constant,
)

__all__ = ["evaluated"]

_ARITHMETIC = {"+": pc.add_checked, "-": pc.subtract_checked, "*": pc.multiply_checked}
_FLOATS = {"+": pc.add, "-": pc.subtract, "*": pc.multiply}
_SMOOTH = {"exp": pc.exp, "log": pc.ln, "log1p": pc.log1p, "sqrt": pc.sqrt}


def evaluated(expression: Expression, table: pa.Table) -> tuple[pa.ChunkedArray, int]:
    """(rows,) of int64, float64, bool or large string, and how many of them are null although every column
    that the expression names has a value there.

    :param table: with all columns of ``expression.names``.

    Errors: CT-3117, naming what the expression is of and the character.
    """
    try:
        found = _Reading(table).of(expression.root)
    except CoterieError as error:
        error.detail = f"{expression.what}: {error.detail}"
        raise
    if isinstance(found, pa.Scalar):  # such as "1 if isnull(x) or true else 2" of constants only
        found = pa.chunked_array([pa.array([found.as_py()], found.type).take(pa.array([0] * table.num_rows))])
    found = _one(found)
    return found, _lost(found, [table.column(name) for name in sorted(expression.names)])


def _one(found: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray:
    return pa.chunked_array([found]) if isinstance(found, pa.Array) else found


def _lost(found: pa.ChunkedArray, columns: Iterable[pa.ChunkedArray]) -> int:
    if not found.null_count:
        return 0
    missing = pc.is_null(found)
    for column in columns:
        missing = pc.and_(missing, pc.is_valid(column))
    return int(pc.sum(missing).as_py() or 0)


class _Reading:
    """One table."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def of(self, node: Node) -> Datum:
        match node:
            case Constant(value):
                return of_constant(value)
            case Column(name):
                return of_column(self._table.column(name))
            case Fold(operands, signs, position):
                value = self.of(operands[0])
                for sign, operand in zip(signs, operands[1:], strict=True):
                    value = _folded(sign, value, self.of(operand), position)
                return value
            case Chain(operands, signs, position):
                left, result = self.of(operands[0]), None
                for sign, operand in zip(signs, operands[1:], strict=True):
                    right = self.of(operand)
                    holds = compared(sign, left, right, position)
                    left, result = right, holds if result is None else pc.and_kleene(result, holds)
                return result
            case Membership(value, among, position):
                return _member(self.of(value), among, position)
            case Operation(name, arguments, position):
                return _applied(name, [self.of(one) for one in arguments], position)


def _folded(sign: str, left: Datum, right: Datum, position: int) -> Datum:
    if sign in ("and", "or"):
        a, b = need_truth(left, position), need_truth(right, position)
        return (pc.and_kleene if sign == "and" else pc.or_kleene)(a, b)
    a, b = number(left, position), number(right, position)
    if sign in ("/", "//", "%"):
        return divided(sign, a, b)
    if FLOAT in (a.type, b.type):
        return finite(_FLOATS[sign](as_float(a), as_float(b)))
    return _whole(_ARITHMETIC[sign], (a, b), position)


def _whole(function: Callable[..., Datum], values: Iterable[Datum], position: int) -> Datum:
    """Errors: CT-3117 beyond 64 bits."""
    try:
        return function(*values)
    except pa.ArrowInvalid:
        raise EXPRESSION_UNFIT(f"character {position}: a value beyond 64 bits") from None


def _member(value: Datum, among: tuple[bool | int | float | str, ...], position: int) -> Datum:
    first, *_ = converted = common([value, *map(of_constant, among)], position)
    options = pa.array([one.as_py() for one in converted[1:]], first.type)
    return pc.if_else(pc.is_valid(first), pc.is_in(first, options), pa.scalar(None, TRUTH))


def _applied(name: str, values: list[Datum], position: int) -> Datum:
    first = values[0]
    if name == "isnull":
        return pc.is_null(first)
    if name == "not":
        return pc.invert(need_truth(first, position))
    if name == "where":
        return pc.if_else(need_truth(first, position), *common(values[1:], position))
    if name == "coalesce":
        return pc.coalesce(*common(values, position))
    if name in ("min", "max"):
        extreme = pc.min_element_wise if name == "min" else pc.max_element_wise
        same = common([number(value, position) for value in values], position)
        return extreme(*same, skip_nulls=False)
    return _numeric(name, [number(value, position) for value in values], position)


def _numeric(name: str, values: list[Datum], position: int) -> Datum:
    first = values[0]
    if name in _SMOOTH:
        return finite(_SMOOTH[name](as_float(first)))
    if name == "**":
        return _power(first, values[1], position)
    if name in ("abs", "neg"):
        function = pc.abs_checked if name == "abs" else pc.negate_checked
        return _whole(function, (first,), position)
    if name == "round" and len(values) == 2:
        digits = values[1].as_py()
        rounded = _whole(lambda one: pc.round(one, digits), (first,), position)
        return rounded if first.type == INT else finite(rounded)
    return floored(name, first, position)


def _power(base: Datum, exponent: Datum, position: int) -> Datum:
    if base.type == INT and exponent.type == INT and exponent.as_py() >= 0:
        return _whole(pc.power_checked, (base, exponent), position)
    return finite(pc.power(as_float(base), as_float(exponent)))
