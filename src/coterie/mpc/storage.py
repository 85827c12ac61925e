"""Where a run keeps its private arrays: in memory up to a budget, matrices beyond it on disk.

A run holds two kinds of large arrays for long: its own plaintext as encoded, and the masked forms that owners
have published. Products read either from the first row to the last, twice a pass, and nothing else does. So a
matrix may lie in a file, and what is in memory of it is two blocks: the one that the kernel works on, and the
next one, which another thread reads meanwhile. Reads are explicit, not a mapping, so that this is all of it.

The file has no name and is its owner's alone: it is gone with the process, however that ends. Its whole size
is claimed before anything is sent, so that a full disk ends a run at its start.
"""

from __future__ import annotations

import errno
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import write_error
from coterie.mpc.errors import STORAGE_LOST
from coterie.mpc.form import PrivateForm, Shape
from coterie.mpc.ring import Narrow, Words
from coterie.mpc.tape import WORD, Call, Instruction

HOLD = 1 << 30
"""Bytes of private arrays that a compute party holds in memory, unless its node says otherwise."""
BLOCK = 4 << 20
"""Bytes that are read at once. Two of these are in memory for each matrix that is being read."""


class Stored(ABC):
    """A private array, C-contiguous: uint64, or int32 where an owner's values fit."""

    def __init__(self, shape: Shape, narrow: bool) -> None:
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(np.int32 if narrow else np.uint64)
        self.size = int(np.prod(shape, dtype=np.int64))

    @abstractmethod
    def write(self, start: int, values: Words | Narrow) -> None:
        """Put a flat array at elements ``start`` and following. Errors: CT-1120, CT-1121."""

    @abstractmethod
    def read(self, start: int, stop: int) -> Words | Narrow:
        """Elements, flat; not to be changed. Errors: CT-2114."""

    @abstractmethod
    def blocks(self) -> Iterator[tuple[int, Words | Narrow]]:
        """First row and rows of each block, in order; each is valid until the next is asked for.

        Errors: CT-2114.
        """

    def whole(self) -> Words | Narrow:
        """All of it, in its shape; not to be changed. Errors: CT-2114."""
        return self.read(0, self.size).reshape(self.shape)


class InMemory(Stored):
    """An array."""

    def __init__(self, shape: Shape, narrow: bool = False) -> None:
        super().__init__(shape, narrow)
        self._values: NDArray[Any] = np.empty(self.size, self.dtype)

    def write(self, start: int, values: Words | Narrow) -> None:
        self._values[start : start + values.size] = values

    def read(self, start: int, stop: int) -> Words | Narrow:
        return self._values[start:stop]

    def blocks(self) -> Iterator[tuple[int, Words | Narrow]]:
        yield 0, self.whole()


class OnDisk(Stored):
    """A matrix of one row or more in a file without a name."""

    def __init__(
        self, shape: Shape, narrow: bool, folder: Path, reader: ThreadPoolExecutor, block: int
    ) -> None:
        """Errors: CT-1120 where the disk has no room for all of it, CT-1121."""
        super().__init__(shape, narrow)
        self._place = folder / "private array"
        self._reader = reader
        self._width = self.size // shape[0]
        self._step = max(1, block // (self._width * self.dtype.itemsize))
        try:
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - see close
        except OSError as error:
            raise write_error(self._place, error) from error
        self._descriptor = self._file.fileno()
        try:
            _claim(self._descriptor, self.size * self.dtype.itemsize)
        except OSError as error:
            self._file.close()
            raise write_error(self._place, error) from error

    def write(self, start: int, values: Words | Narrow) -> None:
        data = np.ascontiguousarray(values, self.dtype).view(np.uint8).data
        offset = start * self.dtype.itemsize
        try:
            while data:
                count = os.pwrite(self._descriptor, data, offset)
                data, offset = data[count:], offset + count
        except OSError as error:
            raise write_error(self._place, error) from error

    def read(self, start: int, stop: int) -> Words | Narrow:
        values: NDArray[Any] = np.empty(stop - start, self.dtype)
        self._fill(values, start)
        return values

    def blocks(self) -> Iterator[tuple[int, Words | Narrow]]:
        starts = range(0, self.shape[0], self._step)
        rows = min(self._step, self.shape[0])
        buffers = [np.empty(rows * self._width, self.dtype) for _ in range(min(2, len(starts)))]
        coming = self._ahead(buffers[0], 0)
        try:
            for number, start in enumerate(starts):
                block = coming.result()
                if number + 1 < len(starts):
                    coming = self._ahead(buffers[(number + 1) % 2], start + self._step)
                yield start, block
        finally:
            coming.exception()  # the buffer it fills is ours: nobody may leave before it has finished

    def _ahead(self, buffer: NDArray[Any], first: int) -> Future[NDArray[Any]]:
        """The rows from ``first``, as many as fit the buffer, read by the other thread."""
        rows = min(self._step, self.shape[0] - first)
        flat = buffer[: rows * self._width]

        def fetch() -> NDArray[Any]:
            self._fill(flat, first * self._width)
            return flat.reshape(rows, *self.shape[1:])

        return self._reader.submit(fetch)

    def _fill(self, values: NDArray[Any], start: int) -> None:
        data, offset = values.view(np.uint8).data, start * self.dtype.itemsize
        try:
            while data:
                count = os.preadv(self._descriptor, [data], offset)
                if not count:
                    raise OSError(errno.EIO, "it is shorter than it was")
                data, offset = data[count:], offset + count
        except OSError as error:
            raise STORAGE_LOST(error.strerror or "cannot be read") from error

    def close(self) -> None:
        """Give the file free."""
        self._file.close()


def _claim(descriptor: int, size: int) -> None:
    """Have the file system set the room aside, where it can. Raises OSError where there is none."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


@dataclass(frozen=True)
class Place:
    """Where one private array of one party lies."""

    number: int
    """On the tape."""
    shape: Shape
    narrow: bool
    own: bool
    """Plaintext, not a masked form."""
    size: int
    """Bytes."""
    disk: bool


class Storage:
    """The private arrays of one run at one party, from its start to its end."""

    def __init__(
        self,
        instructions: Iterable[Instruction],
        party: str,
        memory: int = HOLD,
        folder: Path | None = None,
        block: int = BLOCK,
    ) -> None:
        """:param memory: bytes of private arrays to hold in memory.
        :param folder: for the files, made where it is missing; the system's for temporary ones where none is
            given.
        :param block: bytes that are read at once.
        """
        self._places = {place.number: place for place in places(instructions, party, memory)}
        self._folder = folder or Path(tempfile.gettempdir())
        self._block = block
        self._reader: ThreadPoolExecutor | None = None
        self._files: dict[int, OnDisk] = {}

    def __enter__(self) -> Self:
        """Make all files. Errors: CT-1120, CT-1121."""
        try:
            for place in self._places.values():
                if place.disk:
                    self._files[place.number] = self._file(place)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _file(self, place: Place) -> OnDisk:
        if self._reader is None:
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise write_error(self._folder, error) from error
            self._reader = ThreadPoolExecutor(1, "read-ahead")
        return OnDisk(place.shape, place.narrow, self._folder, self._reader, self._block)

    def new(self, number: int) -> Stored:
        """The place of the private array ``number``."""
        place = self._places[number]
        return self._files[number] if place.disk else InMemory(place.shape, place.narrow)

    def close(self) -> None:
        """Give all files free."""
        if self._reader is not None:
            self._reader.shutdown()
            self._reader = None
        for file in self._files.values():
            file.close()
        self._files.clear()


def places(instructions: Iterable[Instruction], party: str, memory: int) -> Iterator[Place]:
    """Where ``party`` keeps each private array, in the tape's order: in memory as long as the budget lasts.

    Vectors stay in memory whatever they take: shares of their length do so, too.
    """
    for instruction in instructions:
        for number, form, narrow in _arrays(instruction.call, party):
            size = form.size * (WORD // 2 if narrow else WORD)
            disk = size > max(memory, 0) and len(form.shape) > 1
            if not disk:
                memory -= size
            yield Place(number, form.shape, narrow, form.owner == party, size, disk)


def _arrays(call: Call, party: str) -> Iterator[tuple[int, PrivateForm, bool]]:
    """The private arrays that come to a party by this operation: its own as encoded, others' as masked."""
    masked = call.kind == "mask"
    if masked:
        found = zip(call.inputs, call.input_forms, strict=True)
    else:
        found = zip(call.outputs, call.output_forms, strict=True)
    for number, form in found:
        if isinstance(form, PrivateForm) and (form.owner == party) != masked:
            yield number, form, form.narrow and not masked
