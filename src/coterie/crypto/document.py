"""Documents as bytes: canonical JSON (RFC 8785), strict parsing (RFC 7493), digests and times."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Any, NoReturn

import rfc8785
from pydantic import BaseModel

from coterie.crypto.errors import BAD_JSON, BAD_TIME, NOT_CANONICAL

SAFE_INTEGER = 2**53 - 1  # RFC 7493, section 2.2: larger ones do not survive every JSON reader
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def canonical(value: Any) -> bytes:
    """The canonical JSON of a value or a pydantic model (RFC 8785): what digests and signatures are made of.

    Errors: CT-1111 for NaN, infinities, integers beyond 2^53 - 1, and types that JSON has not.
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    try:
        return _text(value).encode()
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError) as error:
        raise NOT_CANONICAL(str(error)) from error


def _text(value: Any) -> str:
    """As :func:`rfc8785.dumps`, which is left what is rare or odd, at a third of its time: plans are long."""
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    if kind is int and -SAFE_INTEGER <= value <= SAFE_INTEGER:
        return int.__repr__(value)
    if kind is dict and all(type(name) is str for name in value):
        names = sorted(value)
        if not "".join(names).isascii():
            names.sort(key=lambda name: name.encode("utf-16be"))
        return "{" + ",".join([f"{encode_basestring(name)}:{_text(value[name])}" for name in names]) + "}"
    if kind is list or kind is tuple:
        return "[" + ",".join([_text(item) for item in value]) + "]"
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return "null"
    return rfc8785.dumps(value).decode()


def parse_json(data: bytes, *, limit: int, depth: int = 32) -> Any:
    """Foreign JSON as plain values.

    Refused with CT-1110: more than ``limit`` bytes, other than UTF-8, a repeated name in an object, NaN and
    infinities (also by overflow, as in 1e999), integers that a double does not hold, lone surrogates,
    nesting deeper than ``depth``. These are the documents on which two JSON readers could disagree, or which
    harm the reader.
    """
    if len(data) > limit:
        raise BAD_JSON(f"{len(data)} bytes where {limit} are allowed")
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as error:
        raise BAD_JSON(f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise BAD_JSON(f"{error.msg} at character {error.pos}") from error
    except RecursionError as error:
        raise BAD_JSON(f"nested deeper than {depth}") from error
    _inspect(value, depth)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BAD_JSON("a name occurs twice in one object")
    return result


def _integer(text: str) -> int | float:
    if len(text) <= 17 and abs(number := int(text)) <= SAFE_INTEGER:
        return number
    # RFC 8785 writes doubles up to 1e21 without exponent: 1e18 as 1000000000000000000. Such a number is read
    # as the double that it is; one with digits that a double does not hold is refused.
    if len(text) <= 22 and rfc8785.dumps(float(text)) == text.encode():
        return float(text)
    raise BAD_JSON("an integer beyond 2^53 - 1")


def _number(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise BAD_JSON("a number beyond the range of a double")
    return number


def _constant(text: str) -> NoReturn:
    raise BAD_JSON(f"{text} is not JSON")


def _inspect(value: Any, depth: int) -> None:
    level = [[value]]
    for _ in range(depth + 1):
        level = [inner for outer in level for inner in _containers(outer)]
        if not level:
            return
    raise BAD_JSON(f"nested deeper than {depth}")


def _containers(values: list[Any]) -> Iterator[list[Any]]:
    """The contents of the arrays and objects among ``values``; strings are inspected on the way."""
    for item in values:
        if isinstance(item, str):
            _inspect_text(item)
        elif isinstance(item, list):
            yield item
        elif isinstance(item, dict):
            for name in item:
                _inspect_text(name)
            yield list(item.values())


def _inspect_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise BAD_JSON("a lone surrogate in a string")


def digest(data: bytes) -> str:
    """``sha256:`` and the hex digest."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def now() -> datetime:
    """The time, in UTC, to the second: the precision that documents keep."""
    return datetime.now(UTC).replace(microsecond=0)


def timestamp(moment: datetime) -> str:
    """An aware time as documents hold it, ``2026-11-22T20:00:00Z``. Fractions of a second are dropped."""
    if moment.tzinfo is None:
        raise BAD_TIME("a time without its zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_timestamp(text: str) -> datetime:
    """The aware UTC time that :func:`timestamp` wrote. Errors: CT-1112 for any other form."""
    if not _TIME.fullmatch(text):
        raise BAD_TIME(repr(text[:40]))
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise BAD_TIME(repr(text[:40])) from error
