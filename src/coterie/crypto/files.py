"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from coterie.crypto.errors import CANNOT_READ, CANNOT_WRITE, DISK_FULL
from coterie.errors import CoterieError


def write_error(path: Path, error: OSError) -> CoterieError:
    """The coded error for a failed write to ``path``: CT-1120 when space ran out, else CT-1121.

    It names the file and its folder only: the error may end a job, and then peers read it.
    """
    code = DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else CANNOT_WRITE
    return code(f"{path.parent.name}/{path.name}: {error.strerror or type(error).__name__}")


def atomic_write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put ``data`` at ``path``: a crash leaves the old content or the new, and the new survives power loss.

    Errors: CT-1120 (disk full), CT-1121 (any other failure). The old content stays in both cases.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        # The mode is given at creation: a key must not be readable by others even for a moment.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if os.fstat(file.fileno()).st_mode & 0o777 != mode:
                    os.fchmod(file.fileno(), mode)  # the umask has taken rights that were asked for
                os.fsync(file.fileno())
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)
    except OSError as error:
        raise write_error(path, error) from error


def append(path: Path, data: bytes) -> None:
    """Put ``data`` behind what a file has; it survives power loss. A crash may leave a part of it.

    Errors: CT-1120 (disk full), CT-1121 (any other failure, a missing file too); a part may be there then.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise write_error(Path(path), error) from error


class Draft:
    """A file that is written piece by piece, and is at its place whole or not at all.

    A context: what is not published at its end is taken away. A crash leaves at most a hidden file with
    ``.tmp`` at its end beside the place.
    """

    def __init__(self, path: Path, mode: int = 0o600) -> None:
        """:param path: where it will be; what is there stays until :meth:`publish`.

        Errors: CT-1120, CT-1121, as all methods.
        """
        self._path = Path(path)
        self._temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.tmp")
        try:
            descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        except OSError as error:
            raise write_error(self._path, error) from error
        self._file = os.fdopen(descriptor, "wb")

    @property
    def path(self) -> Path:
        """Where it lies until it is published, to be read again once it is settled."""
        return self._temporary

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append."""
        try:
            return self._file.write(data)
        except OSError as error:
            raise write_error(self._path, error) from error

    def settle(self) -> None:
        """Put what was written on the disk, under its temporary name. Nothing can be written after that."""
        if self._file.closed:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise write_error(self._path, error) from error

    def publish(self) -> Path:
        """Put the file at its place, durably."""
        self.settle()
        try:
            self._temporary.rename(self._path)
            sync_directory(self._path.parent)
        except OSError as error:
            raise write_error(self._path, error) from error
        return self._path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def discard(self) -> None:
        """Take away what was not published."""
        with contextlib.suppress(OSError):  # a full disk fails again when its buffer is flushed
            self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)


def open_regular(path: Path, buffering: int = -1) -> BinaryIO:
    """A file to be read, which must be a regular one: a pipe would keep its reader waiting.

    Errors: CT-1122.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise CANNOT_READ(f"{path}: {error.strerror}") from error
    except ValueError as error:  # a zero in the path
        raise CANNOT_READ(f"{path}: {error}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CANNOT_READ(f"{path}: not a regular file")
    return os.fdopen(descriptor, "rb", buffering)


def read_at_most(path: Path, limit: int) -> bytes:
    """A regular file's content, or its first ``limit + 1`` bytes where it is larger: whoever reads what they
    mean refuses that. Errors: CT-1122.
    """
    with open_regular(path) as file:
        try:
            return file.read(limit + 1)
        except OSError as error:
            raise CANNOT_READ(f"{path}: {error.strerror}") from error


def sync_directory(directory: Path) -> None:
    """Make a creation or rename inside ``directory`` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
