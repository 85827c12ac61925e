"""The keeper as a process at its host: started inside of the walls, asked over one socket, its log stored.

The host is trusted with nothing but availability. What it is given to store it writes to the disk before it
says so; if it says so and does not, the providers find out when they collect.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, Self

from coterie.crypto import PublicIdentity, atomic_write, digest, read_at_most, write_error
from coterie.errors import CoterieError
from coterie.ledger import Entry, Mirror, SignedHead, read_entries
from coterie.tee.documents.base import read
from coterie.tee.evidence.attest.attester import Attester
from coterie.tee.evidence.attest.platforms import used
from coterie.tee.evidence.model import Endorsements
from coterie.tee.image.machine import Machine, MachineProcess
from coterie.tee.keeper.deposit import DEPOSIT_LIMIT, Deposit
from coterie.tee.keeper.documents import LAUNCHED_FOR
from coterie.tee.keeper.errors import KEEPER_GONE
from coterie.tee.keeper.questions import KeeperQuestions
from coterie.tee.runner.errors import BAD_RECORD
from coterie.tee.runner.host import RunnerProcess
from coterie.tee.runner.records import Closed, Kind, Record, error_record, read_error
from coterie.tee.runner.session import Attest
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.limits import RunLimits

LIMITS: Final = RunLimits(memory=1 << 30, seconds=366 * 86400, scratch=64 << 20)
"""A keeper ends after a year: long before, its platform will be too old for its providers."""
_PATIENCE: Final = 120
"""Seconds that a question may take."""
_Process = RunnerProcess | MachineProcess


class KeeperStore:
    """What the host keeps of keepers, in a folder::

    logs/<key of the log>/     a deposit's log, in the form of a ledger's folder
    archive/<sha256>.json      documents that entries name by their digests
    """

    def __init__(self, folder: Path) -> None:
        """Errors: CT-1120, CT-1121."""
        self._folder = folder
        self._mirrors: dict[str, Mirror] = {}
        try:
            for part in ("logs", "archive"):
                (folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise write_error(folder, error) from error

    def log(self, deposit: str) -> Path:
        """Folder of a deposit's log: ``coterie audit verify`` reads it."""
        return self._folder / "logs" / deposit

    def entry(self, party: PublicIdentity, entry: Entry, head: SignedHead) -> None:
        """On the disk when this returns. Errors: CT-1302, CT-1305, CT-1308, CT-1309, CT-1120, CT-1121."""
        if party.key not in self._mirrors:
            self._mirrors[party.key] = Mirror(self.log(party.key), party)
        self._mirrors[party.key].add((entry,), head)

    def archive(self, content: bytes) -> None:
        """On the disk when this returns. Errors: CT-1120, CT-1121."""
        path = self._archived(digest(content))
        if not path.exists():
            atomic_write(path, content)

    def deposits(self) -> Iterator[Deposit]:
        """Every deposit that a log here begins with, the newest first; whether a keeper still has its key,
        the keeper says. What cannot be read is left out.
        """
        found: list[Deposit] = []
        for folder in sorted((self._folder / "logs").glob("*")):
            with contextlib.suppress(CoterieError, OSError):
                first = next(read_entries(folder, "grant"), None)
                if first is not None:
                    content = read_at_most(self._archived(str(first.body.get("document"))), DEPOSIT_LIMIT)
                    found.append(Deposit.parse(content))
        yield from sorted(found, key=lambda one: (one.created, one.binding.log_pk), reverse=True)

    def _archived(self, name: str) -> Path:
        return self._folder / "archive" / f"{name.removeprefix('sha256:')}.json"


@dataclass(frozen=True)
class _Asked:
    """A question that waits for its turn."""

    kind: Kind
    parts: tuple[bytes, ...]
    answer: Future[bytes]


class Keeper(KeeperQuestions):
    """A running keeper. Safe from several threads; it ends with :meth:`close`, and with its host's
    process.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        attest: Attest,
        store: KeeperStore,
        *,
        endorsements: Endorsements | None = None,
        limits: RunLimits = LIMITS,
        machine: Machine | None = None,
    ) -> None:
        """Measure and start. Returns when it can be asked.

        :param sandbox: with the module :data:`coterie.tee.KEEPER_MODULE`.
        :param attest: what it makes is closed with the keeper, where it has ``close``.
        :param endorsements: what the host has of the platform's vendor, for providers that have none.
        :param machine: a confidential machine whose image is made of the sandbox's; the keeper is then in
            there.

        Errors: CT-2285 to CT-2287, CT-2289 (the sandbox); CT-2305 (the machine); CT-2247, CT-2248 (the
        platform); CT-2325.
        """
        self._sandbox, self._attest, self._store = sandbox, attest, store
        self._endorsements, self._limits, self._machine = endorsements, limits, machine
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._gone: CoterieError | None = None
        self._overdue = threading.Event()
        started: Future[bytes] = Future()
        # The sandbox ends with the thread that started it: so this one stays for as long as the keeper does.
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True, name="tee-key-keeper")
        self._thread.start()
        self.measurement = started.result()
        """Of what was started: 48 bytes."""

    def close(self) -> None:
        """End it: every key is gone. Twice is allowed."""
        self._asked.put(None)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def put(self, kind: Kind, *parts: bytes) -> bytes:
        """As :meth:`KeeperQuestions.put`."""
        asked = _Asked(kind, parts, Future())
        with self._lock:
            if self._gone is not None:
                raise KEEPER_GONE(self._gone.detail)
            self._asked.put(asked)
        return asked.answer.result()

    def _run(self, started: Future[bytes]) -> None:
        error: CoterieError = KEEPER_GONE("it was closed")
        try:
            measured = self._sandbox.measure().measurement
            with (
                used(self._attest(measured, LAUNCHED_FOR)) as attester,
                self._started() as process,
            ):
                self._serve(process, attester, lambda: started.set_result(measured))
        except CoterieError as caught:
            error = caught
        except BaseException as caught:  # noqa: BLE001 - whoever waits must hear of it
            error = KEEPER_GONE(type(caught).__name__)
        finally:
            self._end(error)
            if not started.done():
                started.set_exception(error)

    def _started(self) -> _Process:
        if self._machine is None:
            return RunnerProcess(self._sandbox, (), self._limits, self._overdue)
        return MachineProcess(
            self._machine, LAUNCHED_FOR, (), self._limits, self._overdue, self._endorsements
        )

    def _end(self, error: CoterieError) -> None:
        with self._lock:
            self._gone = error
        while not self._asked.empty():
            if (asked := self._asked.get()) is not None:
                asked.answer.set_exception(KEEPER_GONE(error.detail))

    def _serve(self, process: _Process, attester: Attester, ready: Callable[[], None]) -> None:
        asked: _Asked | None = None
        try:
            with self._in_time():
                process.channel.receive(Kind.READY)
            ready()
            while (asked := self._asked.get()) is not None:
                with self._in_time():
                    process.channel.send(asked.kind, *asked.parts)
                    answer = self._answered(process, attester)
                if isinstance(answer, CoterieError):
                    asked.answer.set_exception(answer)
                else:
                    asked.answer.set_result(answer)
        except Closed:
            _fail(asked, process)
        except BaseException as error:
            if asked is not None and not asked.answer.done():
                told = error.detail if isinstance(error, CoterieError) else type(error).__name__
                asked.answer.set_exception(KEEPER_GONE(told))
            raise

    def _answered(self, process: _Process, attester: Attester) -> bytes | CoterieError:
        """What the keeper answers, when it has been helped with what it needs meanwhile."""
        while True:
            helped = (Kind.ASK_EVIDENCE, Kind.ENTRY, Kind.ARCHIVE)
            record = process.channel.receive(Kind.ANSWER, Kind.NOT_DONE, *helped)
            if record.kind == Kind.ANSWER:
                return record.parts[0]
            if record.kind == Kind.NOT_DONE:
                return read_error(record.parts[0])
            try:
                answer = self._help(record, attester)
            except CoterieError as error:
                answer = Record(Kind.REFUSED, (error_record(error),))
            process.channel.send(answer.kind, *answer.parts)

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        """A keeper that does not answer is ended: nobody waits for ever."""
        timer = threading.Timer(_PATIENCE, self._overdue.set)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _help(self, record: Record, attester: Attester) -> Record:
        if record.kind == Kind.ASK_EVIDENCE:
            evidence = attester.quote(record.parts[0]).to_bytes()
            endorsed = b"" if self._endorsements is None else self._endorsements.to_bytes()
            return Record(Kind.EVIDENCE, (evidence, endorsed))
        if record.kind == Kind.ARCHIVE:
            self._store.archive(record.parts[0])
        else:
            party, line, head = record.parts
            self._store.entry(
                read(PublicIdentity, party, len(party), BAD_RECORD),
                read(Entry, line, len(line), BAD_RECORD),
                read(SignedHead, head, len(head), BAD_RECORD),
            )
        return Record(Kind.STORED)


def _fail(asked: _Asked | None, process: _Process) -> NoReturn:
    """The process closed its channel. Errors: CT-2286, CT-2287 before it could be asked; else CT-2325."""
    try:
        process.failed()
    except CoterieError as error:
        if asked is None:
            raise
        if not asked.answer.done():
            asked.answer.set_exception(KEEPER_GONE(error.detail))
        raise
