"""A user's module in its sandbox, as the host sees it. What it answers is so many bytes, or an error."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from coterie.crypto import parse_json
from coterie.errors import CoterieError
from coterie.learn.modules import frames
from coterie.learn.modules.errors import MODULE_ANSWER, MODULE_ENDED, MODULE_FAILED, MODULE_LIMIT
from coterie.learn.modules.frames import Array, Settings
from coterie.learn.modules.layout import MOST_LINES, line_of
from coterie.tee import Channel, Closed, RunLimits, WalledProcess, installed_command

__all__ = ["Building", "ModuleProcess", "weights_of"]

_INSIDE: Final = "coterie.learn.modules.inside"
_PACKAGES: Final = ("torch", "numpy")
_SCRATCH: Final = 16 << 20
_LAYOUT_LIMIT: Final = 1 << 20


@dataclass(frozen=True)
class Building:
    """What a network is built of, and what its process may use."""

    source: bytes
    """The user's file."""
    inputs: int
    outputs: int
    settings: Settings
    """Plain values, for ``build``."""
    threads: int = 1
    seconds: int = 3600
    """Of answering, all questions together; and so many of the processor's, on every core."""
    memory: int = 4
    """GiB of private memory."""


class ModuleProcess:
    """A started sandbox with a network that was built in it. Ends with the ``with`` block.

    It stays from one question to the next, with whatever the module remembers; nothing of it is read but the
    answers. One thread asks.
    """

    def __init__(self, building: Building, check: Callable[[], None] | None = None) -> None:
        """:param check: called while an answer is waited for; raises to end the wait.

        Errors: CT-2285 to CT-2288 (no sandbox here), CT-3260 to CT-3263.
        """
        self._building, self._check = building, check
        self._used, self._asked = 0.0, 0.0
        limits = RunLimits(building.memory << 30, building.seconds, _SCRATCH)
        threads = (("OMP_NUM_THREADS", str(building.threads)),)
        self._process = WalledProcess(installed_command(_INSIDE, _PACKAGES, limits, threads))
        self._channel = Channel(self._process.descriptor, self._waiting)
        self._built = False
        try:
            self.lines = self._build()
        except BaseException:
            self.close()
            raise
        self._built = True

    def ask(self, operation: int, settings: Settings, arrays: Sequence[Array], size: int) -> bytes:
        """:param size: bytes of the answer: of another length none is read.

        Errors: CT-3260 to CT-3263, and what ``check`` raises; the process has ended then.
        """
        try:
            return self._ask(operation, settings, arrays, size, size)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it."""
        self._channel.close()
        self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _build(self) -> tuple[str, ...]:
        """The network's weights, as jobs name them."""
        building = self._building
        about = {
            "inputs": building.inputs,
            "outputs": building.outputs,
            "settings": building.settings,
            "threads": building.threads,
        }
        source = frames.array_of(building.source)
        return _lines(self._ask(frames.BUILD, about, [source], 0, _LAYOUT_LIMIT))

    def _ask(
        self, operation: int, settings: Settings, arrays: Sequence[Array], least: int, most: int
    ) -> bytes:
        self._asked = time.monotonic()
        try:
            for part in frames.ask(operation, json.dumps(settings).encode(), arrays):
                self._channel.write(part)
            about, status, length = frames.ANSWER.unpack(self._channel.read(frames.ANSWER.size))
            if about != operation or status not in (frames.OK, frames.FAILED, frames.MEMORY):
                raise MODULE_ANSWER("a head that is none")
            if status != frames.OK:
                self._failed(status, length)
            if not least <= length <= most:
                raise MODULE_ANSWER(f"{length:,} bytes, where {most:,} are asked for")
            return self._channel.read(length)
        except Closed:
            self._ended()
        finally:
            self._used += time.monotonic() - self._asked

    def _failed(self, status: int, length: int) -> NoReturn:
        if length > frames.WORDS:
            raise MODULE_ANSWER(f"{length:,} bytes of words")
        said = _printable(self._channel.read(length))
        if status == frames.MEMORY:
            raise MODULE_LIMIT(f"{self._building.memory} GiB of memory")
        raise MODULE_FAILED(said)

    def _ended(self) -> NoReturn:
        """Say why it is gone. Before it has built a network, that may be for want of a sandbox."""
        try:
            ended = self._process.wait()
        except CoterieError as error:
            if not self._built:
                raise
            raise MODULE_ENDED(error.detail) from None  # the words of bubblewrap, and whose mouth?
        if ended.out_of_time:
            raise MODULE_LIMIT(f"{self._building.seconds:,} s of the processor on every core")
        raise MODULE_ENDED(f"{ended.how}: {ended.said}" if ended.said else ended.how)

    def _waiting(self) -> None:
        if self._check is not None:
            self._check()
        if self._used + time.monotonic() - self._asked >= self._building.seconds:
            raise MODULE_LIMIT(f"{self._building.seconds:,} s")


def weights_of(source: bytes, inputs: int, outputs: int, settings: Settings) -> tuple[str, ...]:
    """What the weights of a user's network are, as jobs say it: it is built in a sandbox of its own.

    Errors: as :class:`ModuleProcess`.
    """
    with ModuleProcess(Building(source, inputs, outputs, settings)) as process:
        return process.lines


def _lines(answer: bytes) -> tuple[str, ...]:
    """Errors: CT-3263 for anything but names and shapes."""
    try:
        value: Any = parse_json(answer, limit=_LAYOUT_LIMIT, depth=4)
    except CoterieError as error:
        raise MODULE_ANSWER("weights that cannot be read") from error
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_LINES or not all(map(_fits, value)):
        raise MODULE_ANSWER("weights that cannot be read")
    return tuple(line_of(name, shape, buffer=kind == "buffer") for name, shape, kind in value)


def _fits(one: Any) -> bool:
    if not isinstance(one, list) or len(one) != 3:
        return False
    name, shape, kind = one
    sizes = isinstance(shape, list) and len(shape) <= frames.DIMENSIONS
    return (
        isinstance(name, str)
        and len(name) <= 200
        and sizes
        and all(type(size) is int and 0 <= size < 2**40 for size in shape)
        and kind in ("parameter", "buffer")
    )


def _printable(said: bytes) -> str:
    return "".join(one if one.isprintable() else "?" for one in said.decode(errors="replace"))[:400]
