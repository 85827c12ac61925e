"""How long a document can get, from its type: what a plan says of a message whose content it cannot know."""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import MaxLen
from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

__all__ = ["most_bytes", "most_numbers"]

FLOAT = 25
"""Characters of the longest number in canonical JSON, ``-2.2250738585072014e-308``, and one more."""
INT = 17
"""Of whole numbers up to 2^53, with a sign."""
CHARACTER = 6
"""Bytes of the longest character: ``\\u001f``."""


def most_bytes(document: type[BaseModel], lengths: Mapping[str, int] | None = None) -> int:
    """Bytes of canonical JSON that no document of this type exceeds.

    :param lengths: most items of tuples by ``Model.field``, where the parameters say fewer than the type; 0
        for a field that is None.

    Raises TypeError for a field that has no bound: a text or a tuple without a most length.
    """
    return _most(document, lengths or {}, FLOAT, INT, text=True)


def most_numbers(document: type[BaseModel], lengths: Mapping[str, int] | None = None) -> int:
    """How many numbers such a document has at most: what a plan says of its reveal."""
    return _most(document, lengths or {}, 1, 1, text=False)


def _most(kind: type[BaseModel], lengths: Mapping[str, int], real: int, whole: int, *, text: bool) -> int:
    total = 2 if text else 0
    for name, field in kind.model_fields.items():
        items = lengths.get(f"{kind.__name__}.{name}", _longest(field.metadata))
        value = _value(field.annotation, items, partial(_most, lengths=lengths), real, whole, text=text)
        total += value + (len(name) + 4 if text else 0)
    return total


def _longest(metadata: list[Any]) -> int | None:
    for one in metadata:
        if isinstance(one, FieldInfo):
            return _longest(one.metadata)
        if isinstance(one, MaxLen | StringConstraints) and one.max_length is not None:
            return one.max_length
    return None


def _value(kind: Any, items: int | None, inner: Any, real: int, whole: int, *, text: bool) -> int:
    """Of one value of that type."""
    origin, parts = get_origin(kind), get_args(kind)
    nested = partial(_value, inner=inner, real=real, whole=whole, text=text)
    if origin is Annotated:
        longest = _longest(list(parts[1:]))
        return nested(parts[0], items if longest is None else longest)
    if origin in (Union, types.UnionType):
        if items == 0:
            parts = (type(None),)
        return max(nested(part, items) for part in parts)
    if origin is Literal:
        return max(len(str(part)) + 2 for part in parts) if text else 0
    if origin is tuple:
        if parts[-1] is not Ellipsis:
            return sum(nested(part, None) + int(text) for part in parts) + (2 if text else 0)
        if items is None:
            raise TypeError(f"{kind} has no most length")
        return items * (nested(parts[0], None) + int(text)) + (2 if text else 0)
    return _plain(kind, items, inner, real, whole, text=text)


def _plain(kind: Any, items: int | None, inner: Any, real: int, whole: int, *, text: bool) -> int:
    if kind is str:
        if items is None:
            raise TypeError("a text has no most length")
        return CHARACTER * items + 2 if text else 0
    if kind in (type(None), bool):
        return 5 if text else 0
    if kind is int:
        return whole
    if kind is float:
        return real
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return int(inner(kind, real=real, whole=whole, text=text))
    raise TypeError(f"{kind} has no most length")
