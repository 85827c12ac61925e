"""The process that runs one job at one participant. It is forked, see :mod:`coterie.node.nursery`.

It has two socket descriptors, see :mod:`coterie.node.pipe`. It ends with its job, with a word from the node,
or when the node is gone.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coterie.crypto import Identity, PublicIdentity, timestamp
from coterie.errors import UNEXPECTED, CoterieError, from_record
from coterie.jobs import ReleaserQuestion, link_name, run_job
from coterie.mpc import Binding, TapeFile, peek
from coterie.tee import unwrap_at_party
from coterie.wire import LinkMesh, PeerAddress, recv_fd

from . import logs
from .accepted import accepted_signer
from .errors import NODE_STOPPED, WORKER_UNREADABLE
from .failures import failure_of, log_unexpected
from .home import tape_place
from .observing import LogSettings
from .pace import Pace
from .pipe import (
    LIMIT,
    PREFIX,
    Ack,
    Begin,
    Done,
    Failed,
    LedgerCall,
    Progress,
    Published,
    Record,
    ReleaserCall,
    Stop,
    frame,
    read_from_node,
)
from .views import WaitingView
from .watching.effort import Effort
from .watching.pulses import ALIVE_SECONDS

__all__ = ["main"]

log = logging.getLogger("coterie.worker")

DEALER_WINDOW = 32 * 2**20
"""Bytes that a dealer may be ahead of a party: it is hardly ever waited for, and memory stays small."""

REPORT_SECONDS = 0.5
"""Between two reports of progress: a person looks at them."""


class Pipe:
    """The worker's end of the pair."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sending = threading.Lock()

    def send(self, record: Record) -> None:
        with self._sending:
            self._sock.sendall(frame(record))

    def read(self) -> Begin | Ack | Stop | None:
        """The next record; None when the node is gone."""
        head = self._exactly(PREFIX.size)
        if head is None:
            return None
        (size,) = PREFIX.unpack(head)
        if size > LIMIT:
            raise WORKER_UNREADABLE(f"a record of {size} bytes")
        body = self._exactly(size)
        return None if body is None else read_from_node(body)

    def _exactly(self, size: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < size:
            try:
                part = self._sock.recv(min(size - len(parts), 2**20))
            except OSError:
                return None
            if not part:
                return None
            parts += part
        return bytes(parts)


class WorkerHost:
    """The node, as the job sees it. Implements :class:`coterie.jobs.Host`."""

    def __init__(
        self,
        pipe: Pipe,
        mesh: LinkMesh,
        home: Path,
        identity: Identity,
        dealer: PublicIdentity | None,
        *,
        attested: bool,
    ) -> None:
        """:param attested: whether a process signs tape files in the dealer's place."""
        self._pipe = pipe
        self._home = home
        self._identity = identity
        self._dealer = dealer
        self._attested = attested
        self._mesh = mesh
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._answers: dict[int, Ack] = {}
        self._answered = threading.Condition(self._lock)
        self._last = Progress(step=None, what="starting", done=0, total=1)
        self._pace = Pace()
        self._effort = Effort(lambda: mesh.moved)
        self._told = time.monotonic()
        self._reported: Progress | None = None
        self._stopped: CoterieError | None = None

    def progress(self, step: str, done: int, total: int, what: str, *, unit: str | None = None) -> None:
        """Keep it for the next report. :raises CoterieError: why the node has stopped the job."""
        with self._lock:
            self._pace.took(step, done, total, unit)
            self._effort.stepped(step, done)
            self._last = Progress(step=step, what=what[:200], done=done, total=total, unit=unit)
            stopped = self._stopped
        if stopped is not None:
            raise stopped

    def step(self) -> str | None:
        """The present one."""
        return self._last.step

    def ledger(self, kind: str, body: Mapping[str, Any]) -> None:
        """Returns when the entry is on disk. :raises CoterieError: CT-1303 and whatever else hindered it."""
        number = next(self._numbers)
        self._call(number, LedgerCall.model_validate({"number": number, "kind": kind, "body": dict(body)}))

    def tape(self, binding: Binding) -> TapeFile | None:
        """The file that the node has taken in. :raises CoterieError: CT-1122, CT-2140 to CT-2142, CT-2145,
        CT-2146, CT-2311.
        """
        place = tape_place(self._home, binding.job, binding.stage)
        if self._dealer is None or not place.exists():
            return None
        if not self._attested:
            return TapeFile.open(place, self._identity, self._dealer)
        head = peek(place)
        try:
            return TapeFile.open(place, self._identity, accepted_signer(self._home, head))
        except CoterieError:
            if peek(place) == head:
                raise
            return None  # another file was taken in between: look again

    def published(self, kind: str, name: str, path: Path, content: str, size: int) -> None:
        """Tell the node of a result."""
        number = next(self._numbers)
        record = Published(number=number, kind=kind, name=name, path=path, digest=content, size=size)
        self._call(number, record)

    def releaser(self, question: ReleaserQuestion, *parts: bytes) -> tuple[bytes, ...]:
        """The releaser is at the node: it has the keys and the ledger."""
        number = next(self._numbers)
        encoded = tuple(base64.b64encode(part) for part in parts)
        return self._call(number, ReleaserCall(number=number, question=question, parts=encoded))

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """With the key of this party. Errors: CT-2211."""
        return unwrap_at_party(wrapped, self._identity, info)

    def _call(self, number: int, record: Record) -> tuple[bytes, ...]:
        self._pipe.send(record)
        with self._answered:
            while number not in self._answers:
                if self._stopped is not None:
                    raise self._stopped
                self._answered.wait()
            answer = self._answers.pop(number)
        if answer.error is not None:
            raise from_record(answer.error.model_dump())
        return answer.parts

    def answer(self, ack: Ack) -> None:
        with self._answered:
            self._answers[ack.number] = ack
            self._answered.notify_all()

    def stop(self, error: CoterieError) -> None:
        """End the run: whatever it waits for, it wakes with this error."""
        with self._answered:
            self._stopped = self._stopped or error
            self._answered.notify_all()
        self._mesh.fail(error)

    def report(self) -> None:
        """Tell the node what has changed since the last report."""
        waiting = tuple(
            WaitingView(
                peer=one.peer,
                since=timestamp(one.since),
                what=f"{one.doing} {one.tag}",
                link=one.link,
                size=one.size,
                here=one.here,
            )
            for one in self._mesh.waiting()
        )
        links = self._mesh.connections()
        with self._lock:
            speed = self._pace.speed()._asdict()
            news = {"waiting": waiting, "moved": self._effort.look(waits=bool(waiting)), "links": links}
            present = self._last.model_copy(update=news | speed)
            if present == self._reported and time.monotonic() - self._told < ALIVE_SECONDS:
                return
            self._reported, self._told = present, time.monotonic()
        self._pipe.send(present)


def listen_to_node(pipe: Pipe, host: WorkerHost) -> None:
    """Thread: take acknowledgements, and the order to stop. A node that is gone ends this process."""
    while True:
        record = pipe.read()
        if isinstance(record, Ack):
            host.answer(record)
        elif isinstance(record, Stop):
            host.stop(from_record(record.error.model_dump()))
        else:
            log.error("the node is gone")
            host.stop(NODE_STOPPED("", party=None))
            os._exit(3)  # the main thread may be in the middle of anything, and nobody is left to tell


def take_links(sock: socket.socket, mesh: LinkMesh) -> None:
    """Thread: take the connections that the node's front door hands over."""
    while True:
        try:
            taken = recv_fd(sock)
        except CoterieError as error:
            log.error("no more connections from the node: %s", error)
            return
        if taken is None:
            return
        mesh.accept(taken[0])


def report_often(host: WorkerHost, ended: threading.Event) -> None:
    """Thread: tell the node how far the job is."""
    with contextlib.suppress(OSError):
        while not ended.wait(REPORT_SECONDS):
            host.report()


def run(begin: Begin, pipe: Pipe, links: socket.socket) -> None:
    """:raises CoterieError: whatever ended the job."""
    identity = Identity.taken(begin.home, begin.identity, begin.key)
    peers = {one.identity.name: PeerAddress(one.identity, one.host, one.port) for one in begin.peers}
    job, attempt = begin.assignment.proposal.job, begin.assignment.attempt
    dealer = begin.assignment.terms.dealer
    dealt = {name: DEALER_WINDOW for name in peers if dealer in (name, identity.name)}
    link = link_name(job, attempt)
    mesh = LinkMesh(identity, link, peers, listens=begin.listens, windows=dealt, patience=begin.patience)
    attested = begin.assignment.terms.dealer_tee is not None
    host = WorkerHost(pipe, mesh, begin.home, identity, begin.dealer, attested=attested)
    logs.set_up(begin.log, [logging.StreamHandler(sys.stderr)], identity.name, job, host.step)
    ended = threading.Event()
    for target, arguments in (
        (listen_to_node, (pipe, host)),
        (take_links, (links, mesh)),
        (report_often, (host, ended)),
    ):
        threading.Thread(target=target, args=arguments, name=target.__name__, daemon=True).start()
    try:
        run_job(begin.assignment, mesh, host, begin.memory)
        mesh.close()
        host.report()
    finally:
        ended.set()


def main(pipe_descriptor: int, links_descriptor: int) -> int:
    """Run the job that the node gives."""
    logs.set_up(LogSettings(), [logging.StreamHandler(sys.stderr)], "")  # until the node says how
    pipe = Pipe(socket.socket(fileno=pipe_descriptor))
    links = socket.socket(fileno=links_descriptor)
    try:
        begin = pipe.read()
        if not isinstance(begin, Begin):
            return 3
        run(begin, pipe, links)
    except CoterieError as error:
        return _fail(pipe, error)
    except Exception as error:  # noqa: BLE001 - the last resort: everything below is meant to raise codes
        log_unexpected("worker", error)
        return _fail(pipe, UNEXPECTED(type(error).__name__))
    pipe.send(Done())
    return 0


def _fail(pipe: Pipe, error: CoterieError) -> int:
    log.error("%s", error)
    if error.family == "Bug" and error.__cause__ is not None:
        log_unexpected("the cause", error.__cause__)
    with contextlib.suppress(OSError):
        pipe.send(Failed(error=failure_of(error)))
    return 1
