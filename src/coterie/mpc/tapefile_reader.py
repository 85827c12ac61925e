"""Tape files at the party they are for: every check before anything is used, then part by part."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from coterie.crypto import CANNOT_READ, SEALED_KEY, Identity, PublicIdentity, UnsealingStream
from coterie.errors import CoterieError
from coterie.mpc.corrections import Dealing
from coterie.mpc.errors import (
    TAPE_ALTERED,
    TAPE_DEALER,
    TAPE_OF_ANOTHER,
    TAPE_OTHER,
    TAPE_SHORT,
    TAPE_USED,
)
from coterie.mpc.seeds import SEED
from coterie.mpc.tape import Tape
from coterie.mpc.tapefile import (
    DOMAIN,
    SIGNATURE,
    Binding,
    Named,
    Part,
    TapeHead,
    check_size,
    info_of,
    read_head,
)

READ = 1024 * 1024
"""Bytes that are hashed at once."""


class TapeFile:
    """A file that has passed every check but the one that no file can tell: whether it was used before."""

    def __init__(self, file: BinaryIO, head: TapeHead, stream: UnsealingStream) -> None:
        self._file = file
        self.head = head
        self._stream = stream
        self._free = list(zip(head.starts(), head.parts, strict=True))
        """Place and part of what was not given out yet."""

    @classmethod
    def open(cls, path: Path, identity: Identity, dealer: PublicIdentity) -> TapeFile:
        """Open and check. Reads the file once, as a whole, in constant memory.

        :param identity: of the party that the file must be for.
        :param dealer: who must have signed it.

        Errors: CT-1122 (cannot be read), CT-2140 (no tape file), CT-2142 (cut off), CT-2145 (for another
        party), CT-2146 (of another dealer), CT-2141 (altered).
        """
        try:
            file = path.open("rb")
        except OSError as error:
            raise CANNOT_READ(f"{path}: {error.strerror}") from error
        try:
            return cls._checked(file, path.name, identity, dealer)
        except BaseException:
            file.close()
            raise

    @classmethod
    def _checked(cls, file: BinaryIO, name: str, identity: Identity, dealer: PublicIdentity) -> TapeFile:
        head, data = read_head(file, name)
        body = file.tell()
        check_size(head, os.fstat(file.fileno()).st_size, name)
        if head.party != Named.of(identity.public):
            raise TAPE_OF_ANOTHER(f"{name} is for {head.party.name}", party=identity.name)
        if head.dealer != Named.of(dealer):
            raise TAPE_DEALER(f"{name} names {head.dealer.name} (key {head.dealer.key[:16]}…)")
        whole = _digest(file, head.file_size - SIGNATURE)
        try:
            dealer.verify(DOMAIN, whole, file.read(SIGNATURE))
            file.seek(body)
            key = identity.unseal(file.read(SEALED_KEY), info_of(data))
        except CoterieError as error:
            raise TAPE_ALTERED(f"{name}: {error.detail}") from error
        return cls(file, head, UnsealingStream(key, file, body + SEALED_KEY, head.content))

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
                self._stream.seek(start)
                return _PartDealing(bytes.fromhex(self.head.serial), self._stream, part.corrections)
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
    def __init__(self, serial: bytes, stream: UnsealingStream, size: int) -> None:
        self.serial = serial
        self._stream = stream
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
        try:
            self._stream.read_into(target)
        except CoterieError as error:
            raise TAPE_ALTERED(error.detail) from error


def _digest(file: BinaryIO, size: int) -> bytes:
    """SHA-256 of the first ``size`` bytes; the file stands behind them then."""
    file.seek(0)
    whole = hashlib.sha256()
    while size:
        data = file.read(min(READ, size))
        if not data:
            break  # it became shorter meanwhile: the signature will not fit
        whole.update(data)
        size -= len(data)
    return whole.digest()
