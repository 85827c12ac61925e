"""One party's file of a saved pipeline: the public part, and what that party alone may see.

::

    coterie.pipeline/1\\n
    length of the header, 4 bytes little-endian
    SHA-256 of the header, 32 bytes
    header: canonical JSON (RFC 8785), with the public part and the list of the private ones
    private parts, one after another

Lengths are checked before anything is looked at, and digests before any part is. A digest finds
damage; that a file is the one of the job is known by the identity of its public part, which the plan names,
and by the ledger, which has the digest of the whole.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from coterie.crypto import PartyName, canonical, digest, parse_json
from coterie.data import Many
from coterie.errors import CoterieError
from coterie.learn.documents import Document
from coterie.learn.pipeline.errors import PIPELINE_INVALID, PIPELINE_NEWER
from coterie.learn.pipeline.record import Pipeline, StepName

__all__ = ["PipelineFile", "opened", "read_pipeline"]

MAGIC = b"coterie.pipeline/"
FORMAT = b"1"
HEADER_LIMIT = 16 << 20
FILE_LIMIT = 1 << 30

Kind = Literal["state", "model", "ranges"]


class _Part(Document):
    step: StepName
    kind: Kind
    size: Annotated[int, Field(ge=0, le=FILE_LIMIT)]
    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class _Header(Document):
    pipeline: Pipeline
    party: PartyName
    parts: Annotated[Many[_Part], Field(max_length=256)]


@dataclass(frozen=True)
class PipelineFile:
    """What one party keeps of a pipeline."""

    pipeline: Pipeline
    party: str
    parts: dict[tuple[str, Kind], bytes]
    """Private parts, by step and kind."""

    def part(self, step: str, kind: Kind) -> bytes:
        """Raises CT-3181 where there is none."""
        if (step, kind) not in self.parts:
            raise PIPELINE_INVALID(f"nothing is stored of step '{step}'", party=self.party)
        return self.parts[step, kind]

    def to_bytes(self) -> bytes:
        """As stored."""
        parts = [
            {"step": step, "kind": kind, "size": len(content), "digest": digest(content)}
            for (step, kind), content in self.parts.items()
        ]
        header = canonical({"pipeline": self.pipeline.to_document(), "party": self.party, "parts": parts})
        prefix = MAGIC + FORMAT + b"\n" + len(header).to_bytes(4, "little")
        return b"".join((prefix, sha256(header).digest(), header, *self.parts.values()))

    def __repr__(self) -> str:
        return f"<PipelineFile {self.pipeline.name} of {self.party}>"


def opened(data: bytes, whence: str = "") -> PipelineFile:
    """The file that :meth:`PipelineFile.to_bytes` made.

    :param whence: for the error: where the bytes are from.

    Errors: CT-3182 for another version of the format, CT-3181 for any other bytes.
    """
    where = f"{whence}: " if whence else ""
    line, _, _ = data[:64].partition(b"\n")
    if line.startswith(MAGIC) and line[len(MAGIC) :] != FORMAT and line[len(MAGIC) :].isdigit():
        version = line[len(MAGIC) :].decode()
        raise PIPELINE_NEWER(f"{where}format {version[:20]}, and this node reads {FORMAT.decode()}")
    try:
        return _opened(data)
    except (CoterieError, ValidationError, ValueError) as error:
        raise PIPELINE_INVALID(f"{where}{_problem(error)}") from error


def read_pipeline(path: Path) -> PipelineFile:
    """A party's own file. Errors: CT-3181, CT-3182."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > FILE_LIMIT:
                raise PIPELINE_INVALID(f"{path.name}: {status.st_size} bytes")
            data = file.read(FILE_LIMIT + 1)
    except OSError as error:
        raise PIPELINE_INVALID(f"{path.name}: {error.strerror}") from error
    return opened(data, path.name)


def _opened(data: bytes) -> PipelineFile:
    magic = MAGIC + FORMAT + b"\n"
    if not data.startswith(magic):
        raise ValueError("it does not begin like one")
    start = len(magic) + 4 + 32
    length = int.from_bytes(data[len(magic) : len(magic) + 4], "little")
    if length > min(HEADER_LIMIT, len(data) - start):
        raise ValueError("the length of its header is wrong")
    text = data[start : start + length]
    if sha256(text).digest() != data[start - 32 : start]:
        raise ValueError("the digest of its header is wrong")
    if canonical(parse_json(text, limit=HEADER_LIMIT)) != text:
        raise ValueError("its header is not canonical")
    header = _Header.model_validate_json(text)
    if len(data) != start + length + sum(part.size for part in header.parts):
        raise ValueError("its length is wrong")
    parts: dict[tuple[str, Kind], bytes] = {}
    place = start + length
    for part in header.parts:
        content = data[place : place + part.size]
        place += part.size
        if digest(content) != part.digest:
            raise ValueError(f"the digest of what is stored of step '{part.step}' is wrong")
        parts[part.step, part.kind] = content
    if len(parts) != len(header.parts):
        raise ValueError("a part twice")
    if header.party not in header.pipeline.parties:
        raise ValueError("it is of no party of the pipeline")
    return PipelineFile(header.pipeline, header.party, parts)


def _problem(error: Exception) -> str:
    """In words, without a value: what is stored is private."""
    if isinstance(error, ValidationError):
        fault = error.errors(include_url=False, include_input=False)[0]
        return f"its header, at {'.'.join(map(str, fault['loc']))[:200]}"
    return error.title if isinstance(error, CoterieError) else str(error)
