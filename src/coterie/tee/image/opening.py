"""The first words between a host and the machine that it has started: limits and sealed inputs.

The machine says ``coterie/machine/v1`` and a line feed. The host answers with the length of a canonical JSON
record (4 bytes, big-endian), the record, the vendor's endorsements, and the inputs one after the other. What
follows in both directions are the records of :mod:`coterie.tee.runner.records`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from coterie.crypto import canonical, parse_json
from coterie.tee.evidence.model import MAX_ENDORSEMENTS
from coterie.tee.runner.errors import BAD_RECORD
from coterie.tee.runner.records import OWNERS, PIECE
from coterie.tee.sandbox.limits import RunLimits

GREETING: Final = b"coterie/machine/v1\n"
_LENGTH: Final = struct.Struct(">I")
_LARGEST: Final = 4096

Count = Annotated[int, Field(ge=1, lt=2**53)]
Read = Callable[[int], bytes]
"""So many bytes, or an exception."""
Write = Callable[[memoryview], None]


class Opening(BaseModel):
    """What a host tells a machine before anything else. Nobody vouches for it: what depends on it is the
    host's own loss.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    job: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Digest of the job's manifest, for platforms that are not launched with it but bind it first of all."""
    memory: Count
    seconds: Count
    scratch: Count
    endorsements: Annotated[int, Field(ge=0, le=MAX_ENDORSEMENTS)]
    """Bytes of the vendor's endorsements of the platform; 0 where the host has none."""
    inputs: Annotated[tuple[Count, ...], Field(max_length=OWNERS, strict=False)]
    """Bytes of each."""

    @property
    def limits(self) -> RunLimits:
        """Of the run."""
        return RunLimits(memory=self.memory, seconds=self.seconds, scratch=self.scratch)


def send_opening(
    read: Read,
    write: Write,
    job: bytes,
    inputs: Sequence[Path],
    limits: RunLimits,
    endorsements: bytes = b"",
) -> None:
    """The host's part. Errors: CT-2293 where something else answers. Raises OSError for an input that cannot
    be read, or changes meanwhile.
    """
    if read(len(GREETING)) != GREETING:
        raise BAD_RECORD("no machine of ours is at the other end")
    sizes = tuple(path.stat().st_size for path in inputs)
    fields = {"memory": limits.memory, "seconds": limits.seconds, "scratch": limits.scratch}
    opening = Opening(job=job.hex(), **fields, endorsements=len(endorsements), inputs=sizes)
    record = canonical(opening)
    write(memoryview(_LENGTH.pack(len(record)) + record))
    write(memoryview(endorsements))
    for path, size in zip(inputs, sizes, strict=True):
        with path.open("rb") as file:
            left = size
            while left:
                piece = file.read(min(left, PIECE))
                if not piece:
                    raise OSError(f"{path} became shorter")
                write(memoryview(piece))
                left -= len(piece)


def take_opening(read: Read, write: Write, folder: Path) -> tuple[Opening, bytes]:
    """The machine's part: the inputs lie in the folder as ``0``, ``1`` and so on, to be read by everybody.
    Gives the endorsements, too. Errors: CT-2293, CT-1110. Raises OSError.
    """
    write(memoryview(GREETING))
    (length,) = _LENGTH.unpack(read(_LENGTH.size))
    if length > _LARGEST:
        raise BAD_RECORD(f"an opening of {length:,} bytes")
    try:
        opening = Opening.model_validate(parse_json(read(length), limit=_LARGEST))
    except ValidationError as error:
        raise BAD_RECORD(f"an opening with {error.error_count()} faults") from error
    endorsements = read(opening.endorsements)
    for number, size in enumerate(opening.inputs):
        with (folder / str(number)).open("xb") as file:
            left = size
            while left:
                piece = read(min(left, PIECE))
                file.write(piece)
                left -= len(piece)
        (folder / str(number)).chmod(0o444)
    return opening, endorsements
