"""A whole run, as its host sees it: measure, start, carry words, take sealed results, end.

The host is trusted with nothing but availability: it holds no key, and everything that it carries is signed,
sealed, or checked by who gets it.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from coterie.crypto import Draft, write_error
from coterie.errors import CoterieError
from coterie.tee.container.header import sealed_at_most
from coterie.tee.documents.base import DOCUMENT_LIMIT, read
from coterie.tee.documents.exchange import Challenge, Release, ReleaseRequest
from coterie.tee.documents.receipt import Receipt, ReceiptOutput
from coterie.tee.evidence.attest.attester import Attester
from coterie.tee.evidence.attest.platforms import used
from coterie.tee.evidence.model import Endorsements
from coterie.tee.image.machine import Machine, MachineProcess
from coterie.tee.release.case import Case
from coterie.tee.runner.documents import parts_of
from coterie.tee.runner.errors import BAD_RECORD, RUN_REFUSED
from coterie.tee.runner.host import RunnerProcess
from coterie.tee.runner.records import Channel, Closed, Kind, error_record, read_error
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.limits import RunLimits


class Relay(Protocol):
    """The way to the owners. An error of either method ends the run, and is the run's."""

    def challenge(self, owner: str) -> Challenge:
        """A fresh nonce of the owner's releaser."""
        ...

    def release(self, owner: str, request: ReleaseRequest) -> Release:
        """The owner's answer to evidence."""
        ...


Attest = Callable[[bytes, bytes], Attester]
"""The attester of a platform, for a measurement (48 bytes) and the job's digest (32 bytes). A simulated
platform binds both; hardware has measured by itself, and was launched with the digest."""


@dataclass(frozen=True)
class SealedOutput:
    """A sealed result, as it left the runner."""

    described: ReceiptOutput
    path: Path
    wrapped: Mapping[str, bytes]
    """The data key for each receiver, who unwraps it with ``unwrap_at_party(…, purpose(preamble))``."""


@dataclass(frozen=True)
class AttestedRun:
    """What a run leaves at its host."""

    receipt: Receipt
    outputs: tuple[SealedOutput, ...]
    measurement: bytes
    """Of what was started."""


def run_attested(
    sandbox: Sandbox,
    case: Case,
    containers: Sequence[Path],
    attest: Attest,
    relay: Relay,
    folder: Path,
    *,
    public: bytes = b"",
    endorsements: Endorsements | None = None,
    limits: RunLimits | None = None,
    progress: Callable[[str], None] | None = None,
    cancelled: threading.Event | None = None,
    machine: Machine | None = None,
) -> AttestedRun:
    """Run one job in a sandbox of its own. Blocks; the sandbox ends with the calling thread.

    :param containers: the owners' sealed data, in the manifest's order.
    :param attest: what it makes is closed after the run, where it has ``close``.
    :param folder: for sealed results; after an error nothing of the run is left there.
    :param public: for the work, at most 16 MiB: it holds no secret, and the work checks it.
    :param endorsements: what the host has of the platform's vendor, for owners that have none.
    :param progress: called with the names of steps as they begin.
    :param cancelled: ends the run when set.
    :param machine: a confidential machine whose image is made of the sandbox's; the run is then in there.

    Errors: CT-2285 to CT-2287, CT-2289 (the sandbox); CT-2305 (the machine); CT-2290 to CT-2293, CT-2297 (the
    process); CT-2294, CT-2275 and those of the documents (refused before anything was asked); the owners';
    those of opening; CT-2295 (the output gate); CT-2296 (the work); CT-1120, CT-1121 where results cannot be
    written.
    """
    if len(containers) != len(case.manifest.owners):
        raise RUN_REFUSED("a container is needed of every owner")
    measured = sandbox.measure().measurement
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise write_error(folder, error) from error
    taken = _Taken(case, folder)
    try:
        job, limits = case.manifest.digest_bytes, limits or RunLimits()
        with (
            used(attest(measured, job)) as attester,
            RunnerProcess(sandbox, tuple(containers), limits, cancelled)
            if machine is None
            else MachineProcess(machine, job, containers, limits, cancelled, endorsements) as process,
        ):
            try:
                desk = _Desk(process.channel, case, public, relay, attester, endorsements, taken, progress)
                receipt = desk.serve()
            except Closed:
                process.failed()
    except BaseException:
        taken.discard()
        raise
    return AttestedRun(receipt, tuple(taken.outputs), measured)


@dataclass
class _Taken:
    """Sealed results as they come: no more bytes than the manifest's outputs can have."""

    case: Case
    folder: Path
    outputs: list[SealedOutput] = field(default_factory=list)
    _draft: Draft | None = None
    _path: Path | None = None
    _left: int = 0

    def __post_init__(self) -> None:
        listed = self.case.manifest.outputs
        self._left = sum(sealed_at_most(one.max_bytes, one.count) for one in listed)

    def piece(self, data: bytes) -> None:
        """Errors: CT-2293, CT-1120, CT-1121."""
        self._left -= len(data)
        if self._left < 0:
            raise BAD_RECORD("more sealed bytes than the manifest's outputs can have")
        if self._draft is None:
            self._path = self.folder / f"{secrets.token_hex(16)}.sealed"
            self._draft = Draft(self._path)
        self._draft.write(data)

    def output(self, parts: tuple[bytes, ...]) -> None:
        """Errors: CT-2293, CT-1120, CT-1121."""
        described = read(ReceiptOutput, parts[0], DOCUMENT_LIMIT, BAD_RECORD)
        if self._draft is None or self._path is None or len(parts) - 1 != len(described.receivers):
            raise BAD_RECORD("a result without its container or its keys")
        self._draft.publish()
        wrapped = dict(zip(described.receivers, parts[1:], strict=True))
        self.outputs.append(SealedOutput(described, self._path, wrapped))
        self._draft = self._path = None

    def discard(self) -> None:
        """Remove everything."""
        if self._draft is not None:
            self._draft.discard()
        for path in [self._path, *(one.path for one in self.outputs)]:
            if path is not None:
                path.unlink(missing_ok=True)
        self.outputs.clear()


@dataclass(frozen=True)
class _Desk:
    """Answers the runner's questions, one after the other."""

    channel: Channel
    case: Case
    public: bytes
    relay: Relay
    attester: Attester
    endorsements: Endorsements | None
    taken: _Taken
    progress: Callable[[str], None] | None

    def serve(self) -> Receipt:
        """Until the receipt is there. Errors: as :func:`run_attested`. Raises :class:`Closed`."""
        self.channel.receive(Kind.READY, Kind.FAILED)
        self.channel.send(Kind.BEGIN, *parts_of(self.case, self.public))
        asked = (Kind.ASK_CHALLENGE, Kind.ASK_EVIDENCE, Kind.ASK_RELEASE)
        given = (Kind.STEP, Kind.PIECE, Kind.OUTPUT, Kind.RECEIPT, Kind.FAILED)
        while True:
            record = self.channel.receive(*asked, *given)
            if record.kind == Kind.RECEIPT:
                return self._receipt(record.parts[0])
            if record.kind == Kind.FAILED:
                raise read_error(record.parts[0])
            if record.kind == Kind.PIECE:
                self.taken.piece(record.parts[0])
            elif record.kind == Kind.OUTPUT:
                self.taken.output(record.parts)
            elif record.kind == Kind.STEP:
                self._step(record.parts[0])
            else:
                self._answer(record.kind, record.parts)

    def _answer(self, kind: Kind, parts: tuple[bytes, ...]) -> None:
        try:
            if kind == Kind.ASK_EVIDENCE:
                evidence = self.attester.quote(parts[0]).to_bytes()
                endorsed = b"" if self.endorsements is None else self.endorsements.to_bytes()
                self.channel.send(Kind.EVIDENCE, evidence, endorsed)
                return
            owner = parts[0].decode(errors="replace")
            if owner not in self.case.manifest.owners:
                raise BAD_RECORD("a question to somebody who owns nothing here")
            if kind == Kind.ASK_CHALLENGE:
                self.channel.send(Kind.CHALLENGE, self.relay.challenge(owner).to_bytes())
            else:
                request = ReleaseRequest.parse(parts[1])
                self.channel.send(Kind.RELEASE, self.relay.release(owner, request).to_bytes())
        except CoterieError as error:
            # The runner is told, so that it wipes and ends by itself; the error is the run's in any case.
            with contextlib.suppress(Closed):
                self.channel.send(Kind.REFUSED, error_record(error))
            raise

    def _step(self, name: bytes) -> None:
        text = name.decode(errors="replace")
        if text not in {step.name for step in self.case.manifest.steps}:
            raise BAD_RECORD("a step that the job does not have")
        if self.progress is not None:
            self.progress(text)

    def _receipt(self, data: bytes) -> Receipt:
        receipt = Receipt.parse(data)
        receipt.verify()
        if receipt.outputs != tuple(one.described for one in self.taken.outputs):
            raise BAD_RECORD("the receipt is of other results than came")
        self.channel.send(Kind.TAKEN)
        return receipt
