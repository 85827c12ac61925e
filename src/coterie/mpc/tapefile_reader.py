"""Tape files at the party they are for: every check before anything is used, then part by part."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from coterie.crypto import (
    CANNOT_READ,
    SEALED_KEY,
    Identity,
    Known,
    UnsealingStream,
    open_regular,
    verify_signature,
    write_error,
)
from coterie.errors import CoterieError
from coterie.mpc.corrections import Dealing
from coterie.mpc.errors import TAPE_ALTERED, TAPE_OTHER, TAPE_SHORT, TAPE_USED
from coterie.mpc.seeds import SEED
from coterie.mpc.tape import Tape
from coterie.mpc.tapefile import (
    DOMAIN,
    SIGNATURE,
    Binding,
    Part,
    TapeHead,
    check_names,
    check_size,
    info_of,
    read_head,
)

READ = 1024 * 1024
"""Bytes that are hashed at once."""


class TapeFile:
    """A file that has passed every check but the one that no file can tell: whether it was used before."""

    def __init__(self, file: BinaryIO, head: TapeHead, body: bytes, stream: UnsealingStream) -> None:
        self._file = file
        self.head = head
        self.body = body
        """SHA-256 of all bytes before the signature."""
        self._stream = stream
        self._free = list(zip(head.starts(), head.parts, strict=True))
        """Place and part of what was not given out yet."""

    @classmethod
    def open(cls, path: Path, identity: Identity, dealer: Known) -> TapeFile:
        """Open and check. Reads the file once, as a whole, in constant memory.

        :param identity: of the party that the file must be for.
        :param dealer: who must have signed it.

        Errors: CT-1122 (cannot be read), CT-2140 (no tape file), CT-2142 (cut off), CT-2145 (for another
        party), CT-2146 (of another dealer), CT-2141 (altered).
        """
        file = open_regular(path)
        try:
            return cls._checked(file, path.name, identity, dealer)
        except OSError as error:
            file.close()
            raise CANNOT_READ(f"{path}: {error.strerror}") from error
        except BaseException:
            file.close()
            raise

    @classmethod
    def _checked(cls, file: BinaryIO, name: str, identity: Identity, dealer: Known) -> TapeFile:
        head, data = read_head(file, name)
        body = file.tell()
        check_size(head, os.fstat(file.fileno()).st_size, name)
        check_names(head, identity, dealer, name)
        whole = _digest(file, head.file_size - SIGNATURE)
        try:
            verify_signature(dealer.name, dealer.key, DOMAIN, whole, file.read(SIGNATURE))
            file.seek(body)
            key = identity.unseal(file.read(SEALED_KEY), info_of(data))
        except CoterieError as error:
            raise TAPE_ALTERED(f"{name}: {error.detail}") from error
        return cls(file, head, whole, UnsealingStream(key, file, body + SEALED_KEY, head.content))

    def require(self, binding: Binding, parts: Sequence[Part]) -> None:
        """It is for this and nothing else, and holds what it must.

        Errors: CT-2144 (another job, stage or plan), CT-2143 (too short).
        """
        head = self.head
        for field in ("job", "stage", "plan"):
            wanted, found = getattr(binding, field), getattr(head, field)
            if wanted != found:
                raise TAPE_OTHER(f"its {field} is {found}, and {wanted} is due")
        if [(part.step, part.tape) for part in head.parts] != [(part.step, part.tape) for part in parts]:
            raise TAPE_OTHER("its tapes are not those of the plan")
        for held, part in zip(head.parts, parts, strict=True):
            if held.corrections != part.corrections:
                raise TAPE_SHORT(
                    f"{held.corrections} bytes of corrections for {part.step}, {part.corrections} asked for"
                )

    def dealing(self, step: str, tape: Tape) -> Dealing:
        """The next part for a tape. Each is given out once.

        Errors: CT-2144 (there is none), CT-2147 (it was given out), CT-2141 (the file was altered since).
        """
        for index, (start, part) in enumerate(self._free):
            if (part.step, part.tape) == (step, tape.digest):
                del self._free[index]
                return _PartDealing(bytes.fromhex(self.head.serial), self._stream, start, part.corrections)
        if any((part.step, part.tape) == (step, tape.digest) for part in self.head.parts):
            raise TAPE_USED(f"{tape.digest} in {step}")
        raise TAPE_OTHER(f"it has nothing for {tape.digest} in {step}")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _PartDealing(Dealing):
    def __init__(self, serial: bytes, stream: UnsealingStream, start: int, size: int) -> None:
        self.serial = serial
        self._stream = stream
        self._place = start
        """Its own: another part of the file may be read in between."""
        self._left = size
        seed = bytearray(SEED)
        self._fill(memoryview(seed))
        self.seed = bytes(seed)

    def take(self, tag: str, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
        array: NDArray[Any] = np.empty(shape, np.dtype(dtype).newbyteorder("<"))
        if array.nbytes > self._left:
            raise TAPE_SHORT(f"{tag!r} asks for {array.nbytes} bytes where {self._left} are left")
        self._left -= array.nbytes
        self._fill(array.reshape(-1).view(np.uint8).data)
        return array.astype(dtype, copy=False)

    def _fill(self, target: memoryview) -> None:
        size = len(target)
        self._stream.seek(self._place)
        try:
            self._stream.read_into(target)
        except CoterieError as error:
            raise TAPE_ALTERED(error.detail) from error
        except OSError as error:
            raise CANNOT_READ(f"a tape file: {error.strerror}") from error
        self._place += size


def take_copy(path: Path, target: Path, head: TapeHead, identity: Identity, dealer: Known) -> bytes:
    """Copy a file, readable by its owner alone and on disk when this returns, and check the copy: the file
    itself may change under one's hands. No more is copied than the head says, and nothing of a file that it
    does not fit, or that is not this party's. Gives the copy's :attr:`TapeFile.body`.

    :param target: where nothing is yet. What is there after an error is of no use.
    :param head: as it was seen before.

    Errors: those of :meth:`TapeFile.open`, CT-2144 where it has another head by now, CT-1120, CT-1121 (disk).
    """
    with open_regular(path) as source:
        if read_head(source, path.name)[0] != head:
            raise TAPE_OTHER(f"{path.name} was exchanged meanwhile")
        check_size(head, os.fstat(source.fileno()).st_size, path.name)
        check_names(head, identity, dealer, path.name)
        source.seek(0)
        try:
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                for data in _pieces(source, head.file_size):
                    file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise write_error(target, error) from error
    with TapeFile.open(target, identity, dealer) as copy:
        if copy.head != head:
            raise TAPE_OTHER(f"{path.name} was exchanged meanwhile")
        return copy.body


def _digest(file: BinaryIO, size: int) -> bytes:
    """SHA-256 of the first ``size`` bytes; the file stands behind them then."""
    file.seek(0)
    whole = hashlib.sha256()
    for data in _pieces(file, size):
        whole.update(data)
    return whole.digest()


def _pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The next ``size`` bytes. Fewer, where the file has become shorter: then its signature does not fit.

    Errors: CT-1122.
    """
    while size:
        try:
            data = file.read(min(READ, size))
        except OSError as error:
            raise CANNOT_READ(f"a tape file: {error.strerror}") from error
        if not data:
            break
        yield data
        size -= len(data)
