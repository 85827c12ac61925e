"""The differences between two drafts, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .bounds import same_value
from .terms import Terms

__all__ = ["compare"]

Value = Any
"""What JSON has."""

# How the items of a list are told apart, and what one is called.
NAMED: dict[str, tuple[str, Callable[[Mapping[str, Value]], str]]] = {
    "datasets": ("dataset", lambda item: f"{item['name']} of {item['owner']}"),
    "components": ("component", lambda item: str(item["name"])),
    "lookups": ("lookups in", lambda item: f"{item['dataset']} of {item['owner']}"),
    "modules": ("module", lambda item: str(item["name"])),
    "results": ("results of kind", lambda item: str(item["kind"])),
}
SINGULAR = {"parties": "party", "services": "service", "columns": "column", "engines": "engine"}


def compare(a: Terms, b: Terms) -> tuple[str, ...]:
    """Every difference as a sentence about "the first" and "the second"; empty where the terms are equal."""
    return tuple(_fields("", a.model_dump(mode="json"), b.model_dump(mode="json")))


def _fields(where: str, a: Mapping[str, Value], b: Mapping[str, Value]) -> Iterator[str]:
    for name in dict.fromkeys([*a, *b]):
        if not same_value(a.get(name), b.get(name)):
            yield from _difference(where, name, a.get(name), b.get(name))


def _difference(where: str, field: str, a: Value, b: Value) -> Iterator[str]:
    if field in NAMED:
        what, name_of = NAMED[field]
        a, b = a or [], b or []  # a list that is left out where it is empty is null here
        yield from _named(what, {name_of(item): item for item in a}, {name_of(item): item for item in b})
        if [name_of(item) for item in a] != [name_of(item) for item in b] and _same_names(name_of, a, b):
            yield f"{field} are listed in another order"
    elif isinstance(a, dict) and isinstance(b, dict):
        if field in ("tee", "dealer_tee"):
            yield from _fields(f"{field}: ", a, b)
        else:
            yield from _mapping(where, field, a, b)
    elif isinstance(a, list) and isinstance(b, list):
        yield from _list(where, field, a, b)
    else:
        yield f"{where}{field} is {_told(a)} in the first and {_told(b)} in the second"


def _named(what: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*a, *b]):
        if name not in b:
            yield f"{what} {name} is only in the first"
        elif name not in a:
            yield f"{what} {name} is only in the second"
        else:
            yield from _fields(f"{what} {name}: ", a[name], b[name])


def _same_names(name_of: Callable[[Mapping[str, Value]], str], a: Sequence[Any], b: Sequence[Any]) -> bool:
    return {name_of(item) for item in a} == {name_of(item) for item in b}


def _mapping(where: str, field: str, a: Mapping[str, Value], b: Mapping[str, Value]) -> Iterator[str]:
    one = SINGULAR.get(field, "parameter" if field == "params" else field)
    for name in dict.fromkeys([*a, *b]):
        if name not in b:
            yield f"{where}{one} {name} is only in the first"
        elif name not in a:
            yield f"{where}{one} {name} is only in the second"
        elif not same_value(a[name], b[name]):
            if field in ("parties", "services"):
                yield f"{where}{one} {name} has another key in the second"
            elif isinstance(a[name], dict):
                yield from _fields(f"{where}{one} {name}: ", a[name], b[name])
            else:
                yield from _difference(where, f"{one} of {name}", a[name], b[name])


def _list(where: str, field: str, a: Sequence[Value], b: Sequence[Value]) -> Iterator[str]:
    one = SINGULAR.get(field, field)
    only_a = [item for item in a if not any(same_value(item, other) for other in b)]
    only_b = [item for item in b if not any(same_value(item, other) for other in a)]
    for item in only_a:
        yield f"{where}{one} {_told(item)} is only in the first"
    for item in only_b:
        yield f"{where}{one} {_told(item)} is only in the second"
    if not only_a and not only_b:
        yield f"{where}{field} are listed in another order or number"


def _told(value: Value) -> str:
    if value is None:
        return "not given"
    return value if isinstance(value, str) else json.dumps(value)
