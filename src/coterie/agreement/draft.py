"""Drafting: terms from YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from coterie.data import YamlText, parse_yaml

from .errors import DRAFT_INVALID
from .terms import Terms

__all__ = ["draft"]


Problem = tuple[tuple[str | int, ...], str]
"""The path of a field of the terms, and what is wrong with it."""


def draft(
    text: str, keys: Mapping[str, str], problems: Callable[[Terms], Iterable[Problem]] | None = None
) -> Terms:
    """Terms from YAML, with the line of what is wrong where it can be told (CT-1402, CT-1601).

    :param keys: hex public key by name of all parties and services known here, oneself among them.
        The draft may list parties and services by name only; a key that it does give must be the known one.
    :param problems: what is wrong with terms that fit together, by what else is known here.
    """
    document = parse_yaml(text)
    value = dict(document.value)
    for field in ("parties", "services"):
        if field in value:
            value[field] = _with_keys(document, field, value[field], keys)
    terms = document.model(Terms, DRAFT_INVALID, value)
    found = [
        f"{document.where(path)}, {'.'.join(map(str, path))}: {problem}"
        for path, problem in (problems(terms) if problems else ())
    ]
    if found:
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        raise DRAFT_INVALID("; ".join(found[:3]) + more)
    return terms


def _with_keys(document: YamlText, field: str, given: Any, keys: Mapping[str, str]) -> Any:
    """Names to keys, from a list of names or a mapping of names to keys, where a key may be left out."""
    if isinstance(given, list):
        if not all(isinstance(name, str) for name in given):
            raise DRAFT_INVALID(
                f"{document.where((field,))}, {field}: a name that is not text; put it in quotes"
            )
        if len(set(given)) != len(given):
            raise DRAFT_INVALID(f"{document.where((field,))}, {field}: a name is listed twice")
        given = dict.fromkeys(given)
    if not isinstance(given, dict):
        return given
    result = {}
    for name, key in given.items():
        where = f"{document.where((field, name))}, {field}"
        if name not in keys:
            raise DRAFT_INVALID(f"{where}: '{name[:40]}' has not been introduced to this node")
        if key is not None and key != keys[name]:
            raise DRAFT_INVALID(f"{where}: the key given for '{name}' is not the one introduced to this node")
        result[name] = keys[name]
    return result
