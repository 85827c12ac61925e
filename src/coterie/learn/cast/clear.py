"""One column in another type. What cannot be read so is null; texts are read strictly, in no locale."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from coterie.learn.dates import DAY, days_of_text, times_of

from .params import DateCast, DatePart, Target

__all__ = ["cast"]

EXACT = 2.0**53
"""Up to here every whole float64 is the number that was meant."""
_WHOLE = r"^[+-]?[0-9]{1,18}$"
_DECIMAL = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?$"
_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")


def cast(name: str, column: pa.ChunkedArray, target: Target) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """The columns that come in place of one, by name: (rows,) int64, float64, bool or large string, null
    where a value cannot be read so."""
    if target == "date":
        target = DateCast()
    if isinstance(target, DateCast):
        days = _days(column, target.format)
        for part, new in zip(target.parts, target.names(name), strict=True):
            yield new, _part(days, part, target.at)
    else:
        yield name, _CASTS[target](column)


def _kind(column: pa.ChunkedArray) -> str:
    kind = column.type
    if pa.types.is_boolean(kind):
        return "bool"
    if pa.types.is_integer(kind):
        return "int"
    return "float" if pa.types.is_floating(kind) or pa.types.is_null(kind) else "text"


def _where(condition: pa.ChunkedArray, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Null where the condition does not hold."""
    return pc.if_else(pc.fill_null(condition, False), column, pa.scalar(None, column.type))


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_trim_whitespace(column.cast(pa.large_string()))


def _float(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if _kind(column) == "text":
        texts = _trimmed(column)
        texts = _where(pc.match_substring_regex(texts, _DECIMAL), texts)
        column = pc.replace_substring_regex(texts, r"^\+", "")
    elif _kind(column) == "bool":
        column = column.cast(pa.int8())
    numbers = column.cast(pa.float64(), safe=False)
    return _where(pc.is_finite(numbers), numbers)


def _int(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if _kind(column) in ("int", "bool"):
        return column.cast(pa.int64())
    numbers = _float(column)
    whole = pc.and_(pc.equal(pc.floor(numbers), numbers), pc.less_equal(pc.abs(numbers), EXACT))
    found = _where(whole, numbers).cast(pa.int64())
    if _kind(column) == "text":  # many digits are more than a float64 has
        texts = _trimmed(column)
        digits = _where(pc.match_substring_regex(texts, _WHOLE), texts)
        exact = pc.replace_substring_regex(digits, r"^\+", "").cast(pa.int64())
        found = pc.coalesce(exact, found)
    return found


def _bool(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if _kind(column) == "bool":
        return column
    if _kind(column) == "text":
        texts = pc.utf8_lower(_trimmed(column))
        true, false = (pc.is_in(texts, pa.array(words, texts.type)) for words in (_TRUE, _FALSE))
    else:
        true, false = pc.equal(column, 1), pc.equal(column, 0)
    return _where(pc.or_(true, false), true)


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if _kind(column) == "float":
        numbers = _float(column)
        whole = _int(numbers).cast(pa.large_string())
        column = pc.coalesce(whole, numbers.cast(pa.large_string()))
    return column.cast(pa.large_string())


def _days(column: pa.ChunkedArray, form: str | None) -> pa.ChunkedArray:
    """(rows,) int64 since 1970-01-01."""
    if _kind(column) not in ("int", "text"):
        return pa.chunked_array([pa.nulls(len(column), pa.int64())])
    times = times_of(column, form)
    missing = pc.is_null(times).to_numpy()
    days = pc.fill_null(times, 0).to_numpy() // DAY
    return pa.chunked_array([pa.array(days, pa.int64(), mask=missing)])


def _part(days: pa.ChunkedArray, part: DatePart, at: str | None) -> pa.ChunkedArray:
    if part == "days":
        return days
    if part == "age":
        assert at is not None  # the parameters' own rule
        return pc.subtract(pa.scalar(days_of_text(at), pa.int64()), days)
    dates = days.cast(pa.int32()).cast(pa.date32())
    find = {"year": pc.year, "month": pc.month, "day": pc.day, "weekday": pc.day_of_week}[part]
    return find(dates).cast(pa.int64())


_CASTS: dict[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]] = {
    "int": _int,
    "float": _float,
    "bool": _bool,
    "text": _text,
    "category": _text,
}
