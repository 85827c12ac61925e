"""What a run holds between two steps, as plain values and arrays, and back again.

Only what is listed here can be saved: plain values, arrays, tables, and objects of Coterie's own classes that
are made of nothing else. Reading makes such objects from their fields and calls nothing of theirs. A state in
which something else is found is not saved at all (:class:`Unsavable`).
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
import math
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from coterie.data import Scratch

__all__ = ["Reader", "Unsavable", "Writer"]

_OWN = "coterie."
_EXACT = 2**53
"""Integers up to here are JSON numbers; larger ones are written in hex."""

Node = Any
"""JSON: null, true, a number, a text; or a list that begins with the name of its kind."""


class Unsavable(Exception):
    """A state holds what cannot be saved: its message names the class."""


class Writer:
    """Makes JSON of values. Arrays and columns go beside it, by way of ``put``."""

    def __init__(self, put: Callable[[memoryview], str]) -> None:
        """:param put: keeps bytes and gives what they are called by, as :class:`Reader` asks for them."""
        self._put = put

    def node(self, value: Any) -> Node:
        """Raises :class:`Unsavable`."""
        kind = type(value)
        if value is None or kind in (bool, str) or (kind is int and abs(value) < _EXACT):
            return value
        made = self._plain(value) or self._numbers(value) or self._columns(value) or self._own(value)
        if made is None:
            raise Unsavable(f"{kind.__module__}.{kind.__qualname__}")
        return made

    def _plain(self, value: Any) -> list[Node] | None:
        kind = type(value)
        if kind is int:
            return ["int", hex(value)]
        if kind is float:
            return ["float", value.hex() if math.isfinite(value) else repr(value)]
        if kind is bytes:
            return ["bytes", base64.b64encode(value).decode()]
        if kind in (list, tuple, set, frozenset):
            return [kind.__name__, *map(self.node, value)]
        if kind is dict:
            return ["dict", *([self.node(key), self.node(one)] for key, one in value.items())]
        if isinstance(value, Path):
            return ["path", str(value)]
        return None

    def _numbers(self, value: Any) -> list[Node] | None:
        if isinstance(value, np.ndarray) and type(value) is np.ndarray and not value.dtype.hasobject:
            if value.dtype.names is not None:
                return None
            order: Literal["C", "F"] = (
                "C" if value.flags.c_contiguous or not value.flags.f_contiguous else "F"
            )
            return ["array", value.dtype.str, list(value.shape), order, self._kept(value.ravel(order))]
        if isinstance(value, np.generic) and not value.dtype.hasobject:
            return ["number", value.dtype.str, base64.b64encode(value.tobytes()).decode()]
        return None

    def _kept(self, value: np.ndarray[Any, Any]) -> str:
        # As bytes: not every type of number has a buffer of its own.
        return self._put(np.ascontiguousarray(value).view(np.uint8).data)

    def _columns(self, value: Any) -> list[Node] | None:
        if isinstance(value, pa.Table):
            columns = [
                [name, self._stream(value.column(place))] for place, name in enumerate(value.schema.names)
            ]
            return ["table", value.num_rows, *columns]
        if isinstance(value, pa.ChunkedArray):
            return ["chunks", self._stream(value)]
        if isinstance(value, pa.Array):
            return ["column", self._stream(pa.chunked_array([value]))]
        if isinstance(value, Scratch):
            return ["scratch"]
        return None

    def _stream(self, column: pa.ChunkedArray) -> str:
        sink = pa.BufferOutputStream()
        table = pa.table({"values": column})
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return self._put(memoryview(sink.getvalue()))

    def _own(self, value: Any) -> list[Node] | None:
        if isinstance(value, type | FunctionType):
            return ["named", _name(value)]
        kind = type(value)
        if isinstance(value, Enum):
            return ["choice", _name(kind), value.name]
        if isinstance(value, BaseModel):
            if value.__pydantic_private__ or value.__pydantic_extra__:
                return None
            fields = {name: getattr(value, name) for name in kind.model_fields}
            return ["model", _name(kind), self.node(fields), self.node(sorted(value.model_fields_set))]
        if not kind.__module__.startswith(_OWN) or (_has_slots(kind) and not dataclasses.is_dataclass(kind)):
            return None
        if dataclasses.is_dataclass(kind):
            names = {one.name for one in dataclasses.fields(kind)}
            if not _attributes(value) <= names:
                return None
            fields = {name: getattr(value, name) for name in sorted(names)}
        else:
            fields = {name: getattr(value, name) for name in sorted(_attributes(value))}
        return ["object", _name(kind), self.node(fields)]


def _has_slots(kind: type) -> bool:
    return any("__slots__" in vars(one) for one in kind.__mro__[:-1] if one.__module__.startswith(_OWN))


def _attributes(value: Any) -> set[str]:
    """Those that are no mere memory of what was computed of the others."""
    cached = {
        name
        for one in type(value).__mro__
        for name, found in vars(one).items()
        if isinstance(found, cached_property)
    }
    return set(getattr(value, "__dict__", {})) - cached


def _name(found: Any) -> str:
    """Of a class or function: where it is to be found. Raises :class:`Unsavable` for others than own ones."""
    module, name = found.__module__, found.__qualname__
    if not module.startswith(_OWN) or "<" in name:
        raise Unsavable(f"{module}.{name}")
    return f"{module}:{name}"


def _found(name: str) -> Any:
    module, _, path = name.partition(":")
    if not module.startswith(_OWN):
        raise ValueError(f"{name!r} is none of Coterie's own")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = vars(found)[part]
    if not isinstance(found, type | FunctionType):
        raise ValueError(f"{name!r} is no class")
    return found


class Reader:
    """Makes values of the JSON of :class:`Writer`. Raises ValueError, KeyError or TypeError for any other."""

    def __init__(self, get: Callable[[str], pa.Buffer], scratch: Scratch | None) -> None:
        """:param get: gives the bytes that were put; they stay as they are while tables made of them live.
        :param scratch: the run's, in the place of the one that was there.
        """
        self._get = get
        self._scratch = scratch

    def value(self, node: Node) -> Any:
        if not isinstance(node, list):
            return node
        kind, *given = node
        return self._makers[kind](self, *given)

    def _list(self, *items: Node) -> list[Any]:
        return [self.value(one) for one in items]

    def _dict(self, *pairs: Node) -> dict[Any, Any]:
        return {self.value(key): self.value(one) for key, one in pairs}

    def _array(self, kind: str, shape: list[int], order: Literal["C", "F"], name: str) -> Any:
        # A copy, in the order that it had: steps may write into it, and sums go by the order.
        made = np.empty(shape, np.dtype(kind), order)
        made.ravel(order="K").view(np.uint8)[:] = np.frombuffer(self._get(name), np.uint8)
        return made

    def _number(self, kind: str, text: str) -> Any:
        return np.frombuffer(base64.b64decode(text), np.dtype(kind))[0]

    def _chunks(self, name: str) -> pa.ChunkedArray:
        return pa.ipc.open_stream(pa.BufferReader(self._get(name))).read_all().column(0)

    def _table(self, rows: int, *columns: list[str]) -> pa.Table:
        if not columns:
            return pa.table({"none": pa.nulls(rows)}).select([])
        return pa.table([self._chunks(name) for _, name in columns], names=[name for name, _ in columns])

    def _model(self, name: str, fields: Node, given: Node) -> Any:
        kind = _found(name)
        if not issubclass(kind, BaseModel):
            raise ValueError(f"{name!r} is no record")
        return kind.model_construct(_fields_set=set(self.value(given)), **self.value(fields))

    def _object(self, name: str, fields: Node) -> Any:
        kind = _found(name)
        made = object.__new__(kind)
        values: Mapping[str, Any] = self.value(fields)
        for field, value in values.items():
            object.__setattr__(made, field, value)  # also of frozen ones
        return made

    _makers: Mapping[str, Callable[..., Any]] = {
        "int": lambda _, text: int(text, 16),
        "float": lambda _, text: float.fromhex(text),
        "bytes": lambda _, text: base64.b64decode(text),
        "path": lambda _, text: Path(text),
        "list": _list,
        "tuple": lambda self, *items: tuple(self._list(*items)),
        "set": lambda self, *items: set(self._list(*items)),
        "frozenset": lambda self, *items: frozenset(self._list(*items)),
        "dict": _dict,
        "array": _array,
        "number": _number,
        "table": _table,
        "chunks": _chunks,
        "column": lambda self, name: self._chunks(name).combine_chunks(),
        "scratch": lambda self: self._scratch,
        "named": lambda _, name: _found(name),
        "choice": lambda _, name, one: _found(name)[one],
        "model": _model,
        "object": _object,
    }
