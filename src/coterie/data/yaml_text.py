"""YAML as the parties' documents use it: YAML 1.2 scalars, no aliases, no tags, no repeated keys, lines kept.

PyYAML's own loader follows YAML 1.1, where ``no`` is false, ``010`` is eight and ``2026-11-22`` is a date.
Names of columns and parties must not change their meaning that way, so scalars are resolved by the core
schema of YAML 1.2 (section 10.3.2), less infinities, NaN, octal and hexadecimal numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from coterie.errors import ErrorCode

from .errors import YAML_INVALID

__all__ = ["YamlText", "parse_yaml"]

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 16
MAX_DIGITS = 18

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """Only composes nodes; values are made here."""


_Loader.yaml_implicit_resolvers = {}


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


_resolve("null", r"~|null|Null|NULL|", "~nN")
_Loader.yaml_implicit_resolvers.setdefault("", []).append(("tag:yaml.org,2002:null", re.compile("^$")))
_resolve("bool", r"true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("int", r"[-+]?[0-9]+", "-+0123456789")
_resolve("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789")


@dataclass(frozen=True)
class YamlText:
    """A mapping read from YAML, with the line on which each part of it starts."""

    value: dict[str, Any]
    lines: Mapping[Path, int]

    def model(self, kind: type[M], code: ErrorCode, value: Mapping[str, Any] | None = None) -> M:
        """The mapping (or ``value``, made of it) as a document, or ``code`` with lines and fields."""
        try:
            return kind.model_validate(self.value if value is None else value)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
            told = "; ".join(
                self._problem((*one["loc"], *one.get("ctx", {}).get("path", ())), one["type"], one["msg"])
                for one in problems[:3]
            )
            more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise code(told + more)

    def where(self, path: Path) -> str:
        """``line 7`` of the innermost part of ``path`` that the text has."""
        known: Path = ()
        for item in path:
            if (*known, item) in self.lines:  # pydantic's path also names types, which the text has not
                known = (*known, item)
        return f"line {self.lines[known]}"

    def _problem(self, path: Path, kind: str, message: str) -> str:
        field = ".".join(str(item) for item in path)
        if kind == "extra_forbidden":
            message = "no such field"
        elif kind == "missing":
            message = "this field is missing"
        message = message.removeprefix("Value error, ")
        return f"{self.where(path)}, {field}: {message}" if field else f"{self.where(path)}: {message}"


def parse_yaml(text: str) -> YamlText:
    """Read a YAML mapping.

    Raises CT-1402, with the line: broken YAML, more than 1 MiB, nesting beyond 16, anchors, aliases, tags,
    several documents, repeated keys, keys that are not text, a top level that is not a mapping.
    """
    if len(text) > MAX_BYTES or len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise YAML_INVALID(f"it is larger than {MAX_BYTES} bytes")
    problem = ""
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"line {mark.line + 1}: {error.problem}" if mark else str(error.problem)
    except yaml.YAMLError:
        problem = "a character that YAML does not allow"
    if problem:
        raise YAML_INVALID(problem)
    if not isinstance(node, yaml.MappingNode):
        raise YAML_INVALID("it is not a mapping of fields")
    lines: dict[Path, int] = {}
    return YamlText(_value(node, (), lines), lines)


def _check_events(text: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = f"line {event.start_mark.line + 1 if event.start_mark else 1}"
        if getattr(event, "anchor", None) is not None:
            raise YAML_INVALID(f"{line}: anchors and aliases are not used here")
        if getattr(event, "tag", None) is not None:
            raise YAML_INVALID(f"{line}: tags are not used here")
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise YAML_INVALID(f"{line}: nested deeper than {MAX_DEPTH}")
        if documents > 1:
            raise YAML_INVALID(f"{line}: a second document starts")


def _value(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), lines) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines)
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            raise YAML_INVALID(f"line {line}: a field name that is not text; put it in quotes")
        if key in result:
            raise YAML_INVALID(f"line {line}: the field '{key}' comes twice")
        lines[(*path, key)] = line
        result[key] = _value(value_node, (*path, key), lines)
    return result


def _scalar(node: yaml.Node) -> Any:
    kind = node.tag.rpartition(":")[2]
    text: str = node.value
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind in ("int", "float"):
        return _number(node, text, kind)
    return text


def _number(node: yaml.Node, text: str, kind: str) -> int | float:
    if kind == "int" and len(text) <= MAX_DIGITS:
        return int(text)
    number = float(text)
    if kind == "int" or number in (float("inf"), float("-inf")):
        raise YAML_INVALID(f"line {node.start_mark.line + 1}: a number that is too large")
    return number
