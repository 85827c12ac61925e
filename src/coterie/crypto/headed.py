"""Files that begin with a head in the clear: magic bytes, a length, and a document in canonical JSON."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from coterie.crypto.document import canonical, parse_json
from coterie.crypto.errors import CANNOT_READ
from coterie.crypto.files import open_regular
from coterie.errors import CoterieError, ErrorCode

_LENGTH = struct.Struct("<I")

H = TypeVar("H", bound=BaseModel)


@dataclass(frozen=True)
class Headed(Generic[H]):
    """A kind of such files, and its errors. Their size follows from the head."""

    magic: bytes
    head: type[H]
    limit: int
    """Bytes of a head."""
    unreadable: ErrorCode
    """It is no such file."""
    cut: ErrorCode
    altered: ErrorCode

    def begin(self, document: bytes) -> bytes:
        """What such a file begins with, for a head in canonical JSON."""
        return self.magic + _LENGTH.pack(len(document)) + document

    def start(self, head: H) -> int:
        """Where the head ends."""
        return len(self.begin(canonical(head)))

    @property
    def most(self) -> int:
        """Where it ends at most."""
        return len(self.magic) + _LENGTH.size + self.limit

    def read(self, file: BinaryIO, name: str) -> tuple[H, bytes]:
        """The head and its bytes; the file stands behind it then. Errors: unreadable, cut."""
        if file.read(len(self.magic)) != self.magic:
            raise self.unreadable(f"{name} does not begin as one")
        prefix = file.read(_LENGTH.size)
        size = _LENGTH.unpack(prefix)[0] if len(prefix) == _LENGTH.size else 0
        if size > self.limit:
            raise self.unreadable(f"{name} has a head of {size} bytes")
        data = file.read(size)
        if not size or len(data) < size:
            raise self.cut(f"{name} ends in its head")
        try:
            head = self.head.model_validate(parse_json(data, limit=self.limit))
        except (CoterieError, ValidationError) as error:
            raise self.unreadable(f"the head of {name}") from error
        if canonical(head) != data:
            raise self.unreadable(f"the head of {name} is not canonical JSON")
        return head, data

    def peek(self, path: Path) -> H:
        """A file's head, which nobody vouches for yet. Errors: CT-1122 (no reading), unreadable, cut."""
        with open_regular(path) as file:
            try:
                return self.read(file, path.name)[0]
            except OSError as error:
                raise CANNOT_READ(f"{path}: {error.strerror}") from error

    def check_size(self, due: int, size: int, name: str) -> None:
        """Errors: cut for a file that is too short for its head, altered for one that is too long."""
        if size < due:
            raise self.cut(f"{name} has {size} bytes of {due}")
        if size > due:
            raise self.altered(f"{name} has {size - due} bytes too many")
