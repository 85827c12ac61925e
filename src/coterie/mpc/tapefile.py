"""Tape files: what a dealer deals to one compute party before a run, for the tapes of one stage of a job.

The format is in docs/formats/tapes.md: a head in the clear, a key sealed to the party, a sealed stream with
seed and corrections of each tape, the dealer's signature of all of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from coterie.crypto import (
    SEALED_KEY,
    Headed,
    Identity,
    Known,
    PartyName,
    sealed_size,
)
from coterie.mpc.errors import TAPE_ALTERED, TAPE_CUT, TAPE_DEALER, TAPE_OF_ANOTHER, TAPE_UNREADABLE
from coterie.mpc.seeds import SEED, SERIAL
from coterie.mpc.tape import Tape

MAGIC = b"coterie tape v1\n"
DOMAIN = "coterie/tape/v1"
"""Of the dealer's signature, and of what the key is sealed for."""
HEAD_LIMIT = 1024 * 1024
SIGNATURE = 64

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(_Document):
    """A party and its raw Ed25519 key."""

    name: PartyName
    key: Key

    @classmethod
    def of(cls, identity: Known) -> Named:
        """What a head says of somebody."""
        return cls(name=identity.name, key=identity.key)


class Part(_Document):
    """What a file holds for one tape."""

    step: Annotated[str, Field(min_length=1, max_length=100)]
    tape: Digest
    corrections: Annotated[int, Field(ge=0, lt=2**53)]
    """Bytes, behind the party's seed."""

    @classmethod
    def of(cls, step: str, tape: Tape, party: str) -> Part:
        return cls(step=step, tape=tape.digest, corrections=tape.corrections[party])

    @property
    def size(self) -> int:
        return SEED + self.corrections


class Binding(_Document):
    """What a dealing is for. The engine compares these words and knows nothing of jobs."""

    job: Annotated[str, Field(min_length=1, max_length=100)]
    stage: Annotated[int, Field(ge=0, lt=2**31)]
    plan: Digest
    """Of the stage's exact plan."""


class TapeHead(Binding):
    """What everybody may read of a tape file."""

    version: Literal[1] = 1
    dealer: Named
    party: Named
    serial: Annotated[str, StringConstraints(pattern=rf"^[0-9a-f]{{{2 * SERIAL}}}$")]
    """Random, equal in the files that were dealt together."""
    created: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]
    parts: Annotated[tuple[Part, ...], Field(min_length=1, max_length=1000)]
    """In the order of use."""

    @property
    def content(self) -> int:
        """Bytes of plaintext in the stream."""
        return sum(part.size for part in self.parts)

    @property
    def file_size(self) -> int:
        """Bytes of the whole file."""
        return _FILE.start(self) + SEALED_KEY + sealed_size(self.content) + SIGNATURE

    def starts(self) -> tuple[int, ...]:
        """Where each part begins in the plaintext."""
        return tuple(itertools.accumulate((part.size for part in self.parts[:-1]), initial=0))


def most_bytes(parts: Iterable[Part]) -> int:
    """Bytes of a file with these parts, at most: a head is as long as names and steps are."""
    content = sum(part.size for part in parts)
    return _FILE.most + SEALED_KEY + sealed_size(content) + SIGNATURE


def info_of(head: bytes) -> bytes:
    """What a file's key is sealed for: this head and no other."""
    return DOMAIN.encode() + b"\0" + head


_FILE = Headed(MAGIC, TapeHead, HEAD_LIMIT, TAPE_UNREADABLE, TAPE_CUT, TAPE_ALTERED)


def begin(head: bytes) -> bytes:
    """What a file with this head, in canonical JSON, begins with."""
    return _FILE.begin(head)


def peek(path: Path) -> TapeHead:
    """A file's head, which nobody vouches for yet.

    Errors: CT-1122 (the file cannot be read), CT-2140 (it is none), CT-2142 (it ends before its head).
    """
    return _FILE.peek(path)


def read_head(file: BinaryIO, name: str) -> tuple[TapeHead, bytes]:
    """The head and its bytes; the file stands behind it then. Errors: CT-2140, CT-2142."""
    return _FILE.read(file, name)


def check_names(head: TapeHead, identity: Identity, dealer: Known, name: str) -> None:
    """Errors: CT-2145 where the file is for another party than ``identity``, CT-2146 where it names another
    dealer.
    """
    if head.party != Named.of(identity.public):
        raise TAPE_OF_ANOTHER(f"{name} is for {head.party.name}", party=identity.name)
    if head.dealer != Named.of(dealer):
        raise TAPE_DEALER(f"{name} names {head.dealer.name} (key {head.dealer.key[:16]}…)")


def check_size(head: TapeHead, size: int, name: str) -> None:
    """Errors: CT-2142 for a file that is too short for its head, CT-2141 for one that is too long."""
    _FILE.check_size(head.file_size, size, name)
