"""What the time of a process is spent on: kernels, TLS and sockets, the rest of Python, waiting.

:func:`install` puts clocks around the kernels that the package's modules have imported and around the links'
connections; :meth:`Clocks.begin` and :meth:`Clocks.end` bound what is looked at.
"""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

from coterie import _kernels
from coterie.wire import connection

KERNEL, WIRE = "kernels", "wire"


class Clocks:
    """Times by thread and kind."""

    def __init__(self) -> None:
        self._spent: dict[tuple[int, str], list[float]] = {}
        self._program = threading.get_ident()
        self._began = (0.0, 0.0, 0.0)
        self.kernels: dict[str, float] = {}
        """Seconds by kernel, on the program's thread."""

    def timed(self, kind: str, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with a clock around it; nothing within it has one of the same kind."""

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return function(*args, **options)
            finally:
                wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
                times = self._spent.setdefault((threading.get_ident(), kind), [0.0, 0.0])
                times[0] += wall
                times[1] += cpu
                if kind == KERNEL and threading.get_ident() == self._program:
                    self.kernels[name] = self.kernels.get(name, 0.0) + wall

        return call

    def begin(self) -> None:
        """Forget what was before."""
        self._spent.clear()
        self.kernels.clear()
        self._began = (time.perf_counter(), time.thread_time(), time.process_time())

    def end(self) -> dict[str, Any]:
        """Seconds since :meth:`begin`, on the program's thread unless said otherwise."""
        wall, cpu, whole = (
            now - before
            for now, before in zip(
                (time.perf_counter(), time.thread_time(), time.process_time()), self._began, strict=True
            )
        )
        kernel = self._spent.get((self._program, KERNEL), [0.0, 0.0])
        wire = self._spent.get((self._program, WIRE), [0.0, 0.0])
        elsewhere = [
            times[1]
            for (thread, kind), times in list(self._spent.items())
            if kind == WIRE and thread != self._program
        ]
        other = max(0.0, cpu - kernel[1] - wire[1])
        return {
            "wall": wall,
            "kernels": kernel[0],
            "wire": wire[1],
            "other": other,
            "waiting": max(0.0, wall - kernel[0] - wire[1] - other),
            "links": sum(elsewhere),
            "processor": whole,
            "by_kernel": dict(self.kernels),
        }


def install() -> Clocks:
    """Put the clocks in place; to be called once all modules are imported, on the program's thread."""
    clocks = Clocks()
    kernels = {
        value: clocks.timed(KERNEL, name, value)
        for name, value in vars(_kernels).items()
        if isinstance(value, BuiltinFunctionType)
    }
    for name, module in list(sys.modules.items()):
        if name.startswith("coterie.") and module is not _kernels:
            for attribute, value in list(vars(module).items()):
                if isinstance(value, BuiltinFunctionType) and value in kernels:
                    setattr(module, attribute, kernels[value])
    for method in ("read", "write", "flush"):
        plain = getattr(connection.Connection, method)
        setattr(connection.Connection, method, clocks.timed(WIRE, method, plain))
    return clocks
