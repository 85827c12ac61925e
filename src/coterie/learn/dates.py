"""Dates and times that are written as text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["DAY", "EPOCH", "check_format", "days_of_text", "times_of"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000
"""Microseconds."""
LONGEST = 64
_DIRECTIVES = frozenset("aAbBdHIjmMpSyYzf%")


def check_format(text: str) -> str:
    """A format of :meth:`datetime.datetime.strptime` that names day, month and year, or raises ValueError."""
    used = re.findall(r"%(.?)", text)
    if unknown := [one for one in used if one not in _DIRECTIVES]:
        raise ValueError(f"%{unknown[0]} is not for dates; there are: {', '.join(sorted(_DIRECTIVES))}")
    if not {"d", "j"} & set(used) or not {"y", "Y"} & set(used):
        raise ValueError("a format of dates names day and year, such as %d.%m.%Y")
    if len(set(used) - {"%"}) != len([one for one in used if one != "%"]):
        raise ValueError("a format names each part once")
    return text


def times_of(column: pa.ChunkedArray, form: str | None) -> pa.ChunkedArray:
    """(rows,) int64, microseconds since 1970-01-01 UTC; null where the text is no date.

    :param column: texts; or whole numbers such as 20260131, whose digits are read.
    :param form: of ``strptime``; None for ISO 8601. A time without a zone is UTC.

    Each different text is read once.
    """
    texts = column.cast(pa.large_string())
    coded = texts.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):  # of a column without chunks
        coded = pa.chunked_array(coded.chunks, coded.type).combine_chunks()
    known = pa.array([_time(text, form) for text in coded.dictionary.to_pylist()], pa.int64())
    return pa.chunked_array([pc.take(known, coded.indices)])


def _time(text: str, form: str | None) -> int | None:
    text = text.strip()
    if len(text) > LONGEST:
        return None
    try:
        found = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        return (found - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        return None


def days_of_text(text: str) -> int:
    """Days since 1970-01-01 of an ISO date, or raises ValueError."""
    return date.fromisoformat(text).toordinal() - date(1970, 1, 1).toordinal()
