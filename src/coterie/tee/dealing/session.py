"""An attested dealing, as its host sees it: measure, start, take sealed files, have evidence made, end."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from coterie.errors import CoterieError
from coterie.tee.dealing.binding import DealingBinding, DealingOrder, TapeEvidence
from coterie.tee.dealing.inside import COUNT
from coterie.tee.documents.base import DOCUMENT_LIMIT, read
from coterie.tee.evidence.attest.attester import Attester
from coterie.tee.evidence.attest.platforms import used
from coterie.tee.evidence.model import Endorsements, Evidence
from coterie.tee.runner.errors import BAD_RECORD
from coterie.tee.runner.host import RunnerProcess
from coterie.tee.runner.records import Channel, Closed, Kind, error_record, read_error
from coterie.tee.runner.session import Attest
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.limits import RunLimits


class FileDraft(Protocol):
    """Where the host keeps a party's file; :class:`coterie.crypto.Draft` is one."""

    def write(self, data: bytes) -> object:
        """Append."""
        ...


def deal_attested(
    sandbox: Sandbox,
    order: DealingOrder,
    public: bytes,
    files: Mapping[str, FileDraft],
    sizes: Mapping[str, int],
    attest: Attest,
    *,
    endorsements: Endorsements | None = None,
    limits: RunLimits | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    cancelled: threading.Event | None = None,
) -> dict[str, TapeEvidence]:
    """Deal once, in a sandbox of its own. Blocks; the sandbox ends with the calling thread.

    :param public: what the work checks against the order's subject, at most 16 MiB.
    :param files: by party. Nothing in them is to be used before this returns.
    :param sizes: most bytes of each.
    :param attest: what it makes is closed afterwards, where it has ``close``.
    :returns: by party, what belongs beside its file.

    Errors: CT-2285 to CT-2287, CT-2289 (the sandbox); CT-2290 to CT-2293, CT-2297 (the process); CT-2310 and
    the work's own; CT-2247, CT-2248 (no evidence); what writing the files raises.
    """
    measured = sandbox.measure().measurement
    with (
        used(attest(measured, order.subject.digest_bytes)) as attester,
        RunnerProcess(sandbox, (), limits or RunLimits(), cancelled) as process,
    ):
        desk = _Desk(process.channel, order, files, dict(sizes), attester, endorsements, progress)
        try:
            desk.channel.receive(Kind.READY, Kind.FAILED)
            desk.channel.send(Kind.DEAL, order.to_bytes(), public)
            while set(desk.proven) != set(order.nonces):
                desk.answer()
        except Closed:
            process.failed()
        return desk.proven


@dataclass
class _Desk:
    """Takes what the process gives, one record after the other."""

    channel: Channel
    order: DealingOrder
    files: Mapping[str, FileDraft]
    left: dict[str, int]
    """Bytes that may still come of each file."""
    attester: Attester
    endorsements: Endorsements | None
    progress: Callable[[str, int, int], None] | None
    proven: dict[str, TapeEvidence] = field(default_factory=dict)
    _quoted: tuple[bytes, Evidence] | None = None

    def answer(self) -> None:
        """Errors: as :func:`deal_attested`. Raises :class:`Closed`."""
        kinds = (Kind.FILE, Kind.PROGRESS, Kind.ASK_EVIDENCE, Kind.DEALT, Kind.FAILED)
        record = self.channel.receive(*kinds)
        if record.kind == Kind.FAILED:
            raise read_error(record.parts[0])
        if record.kind == Kind.FILE:
            self._file(*record.parts)
        elif record.kind == Kind.PROGRESS:
            self._progress(*record.parts)
        elif record.kind == Kind.ASK_EVIDENCE:
            self._quote(record.parts[0])
        else:
            self._dealt(record.parts[0])

    def _file(self, name: bytes, data: bytes) -> None:
        party = name.decode(errors="replace")
        if party not in self.files or self.left[party] < len(data):
            raise BAD_RECORD("a file for nobody here, or a longer one than was planned")
        self.left[party] -= len(data)
        self.files[party].write(data)

    def _progress(self, step: bytes, done: bytes, total: bytes) -> None:
        if len(done) != COUNT.size or len(total) != COUNT.size:
            raise BAD_RECORD("a count that is none")
        if self.progress is not None:
            told = "".join(one if one.isprintable() else "?" for one in step.decode(errors="replace"))
            self.progress(told, COUNT.unpack(done)[0], COUNT.unpack(total)[0])

    def _quote(self, asked: bytes) -> None:
        try:
            evidence = self.attester.quote(asked)
        except CoterieError as error:
            with contextlib.suppress(Closed):
                self.channel.send(Kind.REFUSED, error_record(error))
            raise
        self._quoted = asked, evidence
        self.channel.send(Kind.EVIDENCE, evidence.to_bytes(), b"")

    def _dealt(self, data: bytes) -> None:
        binding = read(DealingBinding, data, DOCUMENT_LIMIT, BAD_RECORD)
        asked, evidence = self._quoted or (b"", None)
        if evidence is None or binding.report_data() != asked or binding.party not in self.order.nonces:
            raise BAD_RECORD("a dealing without its evidence")
        self._quoted = None
        proof = TapeEvidence(binding=binding, evidence=evidence, endorsements=self.endorsements)
        self.proven[binding.party] = proof
