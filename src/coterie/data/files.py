"""Opening data files: every way in which a path can be wrong, and text that is checked while it is read."""

from __future__ import annotations

import codecs
import gzip
import stat
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from coterie.errors import CoterieError

from .errors import NOT_UTF8, SOURCE_DAMAGED, SOURCE_MISSING, SOURCE_NOT_A_FILE, SOURCE_UNREADABLE

__all__ = ["CheckedText", "check_path", "open_bytes"]


def check_path(path: Path) -> None:
    """Raise CT-1410, CT-1411 or CT-1412 unless ``path`` is a file. Folders' names stay out of errors."""
    problem: CoterieError | None = None
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            problem = SOURCE_NOT_A_FILE(path.name)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        problem = SOURCE_MISSING(path.name)
    except OSError as error:
        problem = SOURCE_UNREADABLE(f"{path.name}: {error.strerror}")
    if problem is not None:
        raise problem


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, decompressed where its name ends in ``.gz`` (CT-1410, CT-1411, CT-1412)."""
    check_path(path)
    try:
        return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]
    except OSError as error:
        raise SOURCE_UNREADABLE(f"{path.name}: {error.strerror}") from None


class CheckedText:
    """A file's bytes as they are, refused at the first byte that is not UTF-8 text.

    ``failure`` keeps the error, because it may pass through a library that makes another one of it.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.name = path.name if name is None else name
        self._file = open_bytes(path)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._offset = 0
        self.quotes = 0
        """Quotation marks so far."""
        self.failure: CoterieError | None = None

    def readable(self) -> bool:
        return True

    @property
    def closed(self) -> bool:
        return self._file.closed

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises CT-1412, CT-1413 or CT-1414."""
        data = b""
        try:
            data = self._file.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            self.failure = SOURCE_DAMAGED(f"{self.name}: the compressed data is cut off or altered")
        except OSError as error:
            self.failure = SOURCE_UNREADABLE(f"{self.name}: {error.strerror}")
        if self.failure is None:
            self._check(data, final=size != 0 and not data)
        if self.failure is not None:
            raise self.failure
        self._offset += len(data)
        self.quotes += data.count(b'"')
        return data

    def _check(self, data: bytes, *, final: bool) -> None:
        pending = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            at = self._offset - pending + error.start
            hint = "; it looks like UTF-16" if at == 0 and data[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
            self.failure = NOT_UTF8(f"{self.name}, byte {at}{hint}")
            return
        if (zero := data.find(b"\0")) >= 0:
            self.failure = NOT_UTF8(f"{self.name}, byte {self._offset + zero}: a zero byte; it may be UTF-16")

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
