"""What a node and the worker of one job say to each other, over a socket pair that only the two of them have.

Records are JSON behind a length (u32, little-endian). The first is :class:`Begin`, from the node: it carries
the key of the id hashes, which is why it goes over this pipe and over no command line, environment or file.
Connections of peers come over a second pair, as descriptors.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from coterie.crypto import PublicIdentity
from coterie.jobs import Assignment, ReleaserQuestion

from .errors import WORKER_UNREADABLE
from .messages import Failure
from .observing import LogSettings
from .views import WaitingView

__all__ = [
    "LIMIT",
    "PREFIX",
    "Ack",
    "Begin",
    "Done",
    "Failed",
    "FromNode",
    "FromWorker",
    "LedgerCall",
    "Peer",
    "Progress",
    "Published",
    "ReleaserCall",
    "Stop",
    "frame",
    "read_from_node",
    "read_from_worker",
]

LIMIT = 16 * 2**20
"""Largest record in bytes: an assignment with the facts of sixteen wide tables."""

PREFIX = struct.Struct("<I")


class Record(BaseModel):
    """Base: nothing unknown is accepted."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Peer(Record):
    """Where a participant's front door is."""

    identity: PublicIdentity
    host: str | None
    port: int | None


class Begin(Record):
    """Node to worker, once: run this."""

    op: Literal["begin"] = "begin"
    home: Path
    identity: PublicIdentity
    key: Base64Bytes = Field(repr=False)
    """The party's own, raw: the file in the home may be encrypted, and no worker knows the passphrase."""
    assignment: Assignment
    peers: tuple[Peer, ...]
    listens: bool
    patience: float
    dealer: PublicIdentity | None = None
    """Who must have signed tape files, in a job that uses them."""
    memory: int | None
    log: LogSettings = LogSettings()


class Ack(Record):
    """Node to worker: the numbered call is done, or was refused."""

    op: Literal["ack"] = "ack"
    number: int
    error: Failure | None = None
    parts: tuple[Base64Bytes, ...] = ()
    """The releaser's answer."""


class Stop(Record):
    """Node to worker: the job is over elsewhere, for this reason."""

    op: Literal["stop"] = "stop"
    error: Failure


class Progress(Record):
    """Worker to node: how far it is, and whom it waits for."""

    op: Literal["progress"] = "progress"
    step: str | None
    what: str | None
    done: int
    total: int
    unit: str | None = None
    rate: float | None = None
    left: int | None = None
    waiting: tuple[WaitingView, ...] = ()
    moved: int = 0
    """Grows with real progress alone, see :mod:`coterie.node.watching.effort`."""
    links: dict[str, tuple[bool, int]] = {}
    """Of each peer's: whether it is up, and how many connections it has had."""


class LedgerCall(Record):
    """Worker to node: write this to the ledger, and acknowledge when it is on disk."""

    op: Literal["ledger"] = "ledger"
    number: int
    kind: Literal["plan", "reveal", "egress", "result", "tape", "receipt", "sealed", "counted"]
    body: dict[str, Any]


class Published(Record):
    """Worker to node: a result is in the job's folder."""

    op: Literal["published"] = "published"
    number: int
    kind: str
    name: str
    path: Path
    digest: str
    size: int


class ReleaserCall(Record):
    """Worker to node: ask this party's releaser, about the worker's own job."""

    op: Literal["releaser"] = "releaser"
    number: int
    question: ReleaserQuestion
    parts: tuple[Base64Bytes, ...] = ()


class Done(Record):
    """Worker to node: all steps are done and everything sent was delivered."""

    op: Literal["done"] = "done"


class Failed(Record):
    """Worker to node: the run ended with this error; the other workers were told."""

    op: Literal["failed"] = "failed"
    error: Failure


FromNode = Annotated[Begin | Ack | Stop, Field(discriminator="op")]
FromWorker = Annotated[
    Progress | LedgerCall | Published | ReleaserCall | Done | Failed, Field(discriminator="op")
]
_NODE: TypeAdapter[Begin | Ack | Stop] = TypeAdapter(FromNode)
_WORKER: TypeAdapter[Progress | LedgerCall | Published | ReleaserCall | Done | Failed] = TypeAdapter(
    FromWorker
)


def frame(record: Record) -> bytes:
    """The record as it goes into the pipe. :raises CoterieError: CT-5062 above the limit."""
    body = record.model_dump_json().encode()
    if len(body) > LIMIT:
        raise WORKER_UNREADABLE(f"a {type(record).__name__} of {len(body)} bytes")
    return PREFIX.pack(len(body)) + body


def read_from_node(body: bytes) -> Begin | Ack | Stop:
    """:raises CoterieError: CT-5062."""
    try:
        return _NODE.validate_json(body)
    except ValidationError as error:
        raise WORKER_UNREADABLE(_where(error)) from None


def read_from_worker(body: bytes) -> Progress | LedgerCall | Published | ReleaserCall | Done | Failed:
    """:raises CoterieError: CT-5062."""
    try:
        return _WORKER.validate_json(body)
    except ValidationError as error:
        raise WORKER_UNREADABLE(_where(error)) from None


def _where(error: ValidationError) -> str:
    return "; ".join(".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False)[:5])
