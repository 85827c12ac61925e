"""Arrow in a node's processes: the daemon loads it when it first reads a table, and none loads pandas.

Nearly every room imports Arrow, and a daemon that waits for jobs uses none of it, for 40 MB and a tenth of a
second of its start.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["arrow_without_pandas", "put_off_arrow"]

MODULES = ("pyarrow", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet")
"""What is imported by name at the top of modules, and used in functions only."""

_loading = threading.RLock()


class _Later(ModuleType):
    """Stands for a module of Arrow until something in it is used; then it has all that the module has."""

    def __getattr__(self, name: str) -> Any:
        # The import system asks what it may take from it; that is no use.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_load(self), name)


def put_off_arrow() -> None:
    """To be called before anything imports it; where something has, nothing happens."""
    if any(name in sys.modules for name in MODULES):
        return
    for name in MODULES:
        sys.modules[name] = _Later(name)
    whole = sys.modules[MODULES[0]]
    for name in MODULES[1:]:
        setattr(whole, name.rpartition(".")[2], sys.modules[name])


def _load(stand_in: _Later) -> ModuleType:
    with _loading:
        if isinstance(sys.modules[MODULES[0]], _Later):
            stand_ins = [sys.modules.pop(name) for name in MODULES]
            arrow_without_pandas()
            for one in stand_ins:
                one.__dict__.update(importlib.import_module(one.__name__).__dict__)
        return sys.modules[stand_in.__name__]


def arrow_without_pandas() -> None:
    """Load Arrow. With the first array of a process it imports pandas, if that is installed, for a quarter of
    a second and 45 MB that nothing here uses: so it has looked for it now, and not found it.
    """
    with _hidden("pandas"):
        arrow = importlib.import_module("pyarrow")
        arrow.scalar(None)


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    class Finder:
        """Says of one module that it is not there."""

        @staticmethod
        def find_spec(fullname: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
            if fullname == name:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return None

    sys.meta_path.insert(0, Finder)
    try:
        yield
    finally:
        sys.meta_path.remove(Finder)
