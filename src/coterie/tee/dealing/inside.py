"""Inside of the sandbox: one dealing. No data is here; what must not leave are the masks and the keys.

The process has no network. Files leave it sealed to their parties, piece by piece over the socket that it is
born with, so that they may be larger than its memory. Then it asks for evidence, once for each party, and
ends; nothing that it has drawn is kept.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coterie.crypto import signed_bytes
from coterie.errors import CoterieError
from coterie.tee.dealing.binding import DealingBinding, DealingOrder, DealingSubject, DealtFile
from coterie.tee.dealing.errors import DEALING_REFUSED
from coterie.tee.documents.base import DOCUMENT_LIMIT, make, read
from coterie.tee.evidence.binding import reported
from coterie.tee.evidence.model import Evidence
from coterie.tee.evidence.verify import state
from coterie.tee.runner.errors import RUNNER_MEMORY, WORK_FAILED
from coterie.tee.runner.records import PIECE, Channel, Closed, Kind, error_record, read_error
from coterie.tee.runner.standard import begin, silence, take_socket

COUNT = struct.Struct(">Q")


class DealingKey:
    """The key that signs the files of one dealing. It never leaves the process."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()
        self.key = self._private.public_key().public_bytes_raw().hex()
        """Raw public key, in hex."""

    def sign(self, domain: str, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature of ``message`` under ``domain``."""
        return self._private.sign(signed_bytes(domain, message))

    def __repr__(self) -> str:
        return f"DealingKey({self.key[:16]!r})"

    def __reduce__(self) -> str:
        raise TypeError("a dealing key does not leave its process")


class FileTarget:
    """Where one party's file goes: to the host, who keeps it apart until the dealing is whole."""

    def __init__(self, channel: Channel, party: str) -> None:
        self._channel, self._party = channel, party.encode()

    def write(self, data: bytes) -> None:
        """Send more of it. Raises :class:`Closed`."""
        for start in range(0, len(data), PIECE):
            self._channel.send(Kind.FILE, self._party, memoryview(data)[start : start + PIECE])

    def settle(self) -> None:
        """Nothing is held back here."""

    def publish(self) -> None:
        """The host does, when it has the evidence for all parties."""

    def discard(self) -> None:
        """The host does, when the process ends before."""


@dataclass(frozen=True)
class DealingTask:
    """One dealing, as the work sees it. All of it comes from the host: the work checks it against
    ``subject``, which every party will compare with its own.
    """

    subject: DealingSubject
    public: bytes = field(repr=False)
    """What the subject's digests are of, as the host put it together."""
    parties: tuple[str, ...]
    """Those that want evidence."""
    key: DealingKey
    target: Callable[[str], FileTarget]
    """Where a party's file goes, by the party's name."""
    progress: Callable[[str, int, int], None]
    """``progress(step, done, total)``."""


DealingWork = Callable[[DealingTask], Sequence[DealtFile]]
"""What is run: writes a file for each of the task's parties, and says what it has written."""


def serve_dealing(work: DealingWork, prepare: Callable[[], object] | None = None) -> None:
    """One dealing, spoken for by the socket that stands as standard input. A failure is told to the host.
    ``main`` of the sandbox's module calls it.

    :param prepare: what the work needs of libraries; done in a thread until the host's first word is there.
    """
    channel = Channel(take_socket())
    try:
        channel.send(Kind.READY)
        getting_ready = begin(prepare)
        record = channel.receive(Kind.DEAL)
        order = read(DealingOrder, record.parts[0], DOCUMENT_LIMIT, DEALING_REFUSED)
        silence(1, 2)
        getting_ready.join()
        _deal(channel, order, record.parts[1], work)
    except Closed:
        os._exit(1)  # nobody is there to hear of it
    except BaseException as error:  # noqa: BLE001 - nothing may be printed, whatever it is
        _tell(channel, error)
        os._exit(1)
    channel.close()


def _deal(channel: Channel, order: DealingOrder, public: bytes, work: DealingWork) -> None:
    def progress(step: str, done: int, total: int) -> None:
        channel.send(Kind.PROGRESS, step.encode(), COUNT.pack(done), COUNT.pack(total))

    parties = tuple(order.nonces)
    key = DealingKey()
    task = DealingTask(order.subject, public, parties, key, lambda one: FileTarget(channel, one), progress)
    files = tuple(work(task))
    if tuple(one.party for one in files) != parties:
        raise DEALING_REFUSED("nonces are needed of just the parties that files are dealt to")
    for party in parties:
        fields = {
            "party": party,
            "nonce": order.nonces[party],
            "subject": order.subject,
            "signing_pk": key.key,
            "files": files,
            "assurance": order.assurance,
        }
        _prove(channel, make(DealingBinding, DEALING_REFUSED, fields))


def _prove(channel: Channel, binding: DealingBinding) -> None:
    """Have evidence made for one party. Errors: CT-2310, and the host's."""
    asked = binding.report_data()
    channel.send(Kind.ASK_EVIDENCE, asked)
    record = channel.receive(Kind.EVIDENCE, Kind.REFUSED)
    if record.kind == Kind.REFUSED:
        raise read_error(record.parts[0])
    evidence = Evidence.parse(record.parts[0])
    said = state(evidence).report_data
    if evidence.assurance != binding.assurance or said != reported(evidence.type, asked).hex():
        raise DEALING_REFUSED("the platform's evidence is not what was asked for", party=binding.party)
    channel.send(Kind.DEALT, binding.to_bytes())


def _tell(channel: Channel, error: BaseException) -> None:
    """Why it failed: errors here are made of public facts."""
    told: CoterieError
    if isinstance(error, MemoryError):
        told = RUNNER_MEMORY()
    elif isinstance(error, CoterieError):
        told = error
    else:
        told = WORK_FAILED(type(error).__name__ if type(error).__module__ == "builtins" else "in a library")
    try:
        channel.send(Kind.FAILED, error_record(told))
    except Closed:
        return
