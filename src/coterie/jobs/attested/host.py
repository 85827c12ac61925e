"""The host's part: it keeps sealed data, starts the runner, carries words, and has no key."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from coterie.crypto import CANNOT_READ, write_error
from coterie.errors import CoterieError
from coterie.jobs.assignment import HostPlaces
from coterie.jobs.attested.holdings import Holding
from coterie.jobs.attested.kept import Kept
from coterie.jobs.attested.owner import Here, Missing, There
from coterie.jobs.errors import HOST_DIFFERS
from coterie.tee import (
    PIECE_LIMIT,
    RUNNER_MODULE,
    UPLOAD_BUSY,
    AttestedRun,
    Attester,
    Case,
    Challenge,
    DatasetRecord,
    Endorsements,
    JobManifest,
    Machine,
    OwnPlatform,
    Receiver,
    Release,
    ReleaseRequest,
    RunLimits,
    Sandbox,
    attester_for,
    ensure_image,
    expected_measurements,
    read_endorsements,
    run_attested,
)
from coterie.wire import Channel, Mesh

WAIT: Final = 0.25
"""Seconds between two looks at what somebody else does."""
_RANGES: Final = 999

Say = Callable[[int, int, str], None]


def receive_container(channel: Channel, places: HostPlaces, record: DatasetRecord, say: Say) -> Path:
    """The sealed data of an owner, as far as it is not here yet.

    Errors: CT-2205, CT-2212 to CT-2214, CT-1120, CT-1121, those of links.
    """
    folder = places.store / record.owner.name
    whole = folder / f"{record.root_bytes.hex()}.sealed"
    while not whole.exists():
        try:
            with Receiver(folder, record, record.owner, limit=places.upload) as receiver:
                _receive(channel, receiver, record, say)
                Holding(agreement=places.agreement.id, record=record).keep(places.store)
                return receiver.finish()
        except CoterieError as error:
            if error.code != UPLOAD_BUSY.code:
                raise
        say(0, 1, f"another run receives {record.dataset}")
        time.sleep(WAIT)
    channel.send_record("missing", Missing(ranges=()))
    return whole


def _receive(channel: Channel, receiver: Receiver, record: DatasetRecord, say: Say) -> None:
    lacking = [(run.start, run.stop) for run in receiver.missing(_RANGES)]
    if len(lacking) == _RANGES:  # where more is missing, all from there on comes again
        lacking[-1] = (lacking[-1][0], record.preamble.header.chunks)
    channel.send_record("missing", Missing(ranges=tuple(lacking)))
    total = sum(stop - start for start, stop in lacking)
    for done in range(total):
        receiver.put(channel.recv_bytes("piece", PIECE_LIMIT))
        say(done + 1, total, f"receiving {record.dataset}, sealed")


class Owners:
    """The way to the owners, as the runner's session takes it."""

    def __init__(self, owners: Mapping[str, Here | There | Kept]) -> None:
        self._owners = owners
        self._asked = False
        self.requests: dict[str, ReleaseRequest] = {}
        """By owner: what it was shown."""

    def challenge(self, owner: str) -> Challenge:
        """All are asked with the first: a run for which one of them has no nonce costs the others none of
        theirs."""
        if not self._asked:
            self._asked = True
            for one in self._owners.values():
                one.ask_challenge()
            self._challenges = {name: one.challenge() for name, one in self._owners.items()}
        return self._challenges[owner]

    def release(self, owner: str, request: ReleaseRequest) -> Release:
        """The owner's answer to evidence."""
        self.requests[owner] = request
        return self._owners[owner].release(request)

    def end(self) -> None:
        """No more questions."""
        for one in self._owners.values():
            one.end()


def run_here(
    case: Case,
    containers: list[Path],
    public: bytes,
    places: HostPlaces,
    mesh: Mesh,
    owners: Owners,
    folder: Path,
    say: Callable[[str, str], None],
) -> AttestedRun:
    """Wait for a place, then run.

    :param folder: for sealed results.
    :param say: step and what is done; may raise to end the run.

    Errors: CT-4033, CT-2288, those of :func:`coterie.tee.run_attested`, and what ended the job meanwhile.
    """
    with _place(places, mesh, say):
        say("stage-release", "preparing the runner's image")
        sandbox = Sandbox(places.release or ensure_image(places.image), RUNNER_MODULE)
        limits = RunLimits(memory=places.memory, seconds=places.seconds)
        with _Watch(mesh) as watch:
            try:
                return run_attested(
                    sandbox,
                    case,
                    containers,
                    lambda measured, job: _attester(places, case.manifest, measured, job),
                    owners,
                    folder,
                    public=public,
                    endorsements=_endorsements(places),
                    limits=limits,
                    progress=lambda step: say(step, "in the attested runner"),
                    cancelled=watch.ended,
                    machine=Machine(places.machine) if places.machine else None,
                )
            except CoterieError:
                mesh.check()  # where the job has ended elsewhere, that is why
                raise


def _endorsements(places: HostPlaces) -> Endorsements | None:
    """What the operator has of the platform's vendor. Errors: CT-2234, CT-1122."""
    if not places.endorsements:
        return None
    try:
        return read_endorsements(places.evidence, [path.read_bytes() for path in places.endorsements])
    except OSError as error:
        raise CANNOT_READ(f"{error.filename}: {error.strerror}") from error


def _attester(places: HostPlaces, manifest: JobManifest, measured: bytes, job: bytes) -> Attester:
    """The platform's attester, once it is sure that owners would not refuse what it attests: they would
    count their refusals."""
    agreed = manifest.measurements.get(places.evidence, ())
    if not agreed:
        raise HOST_DIFFERS(f"the platform is {places.platform}, and the agreement has no measurements for it")
    if manifest.assurance == "simulated":
        here = expected_measurements(places.platform, measured)
        if not any(all(here.get(name) == value for name, value in one.items()) for one in agreed):
            raise HOST_DIFFERS(f"it measures {', '.join(here.values())}")
    elif places.machine:
        return OwnPlatform()
    return attester_for(places.platform, places.simulated, measured, job)


@contextlib.contextmanager
def _place(places: HostPlaces, mesh: Mesh, say: Callable[[str, str], None]) -> Iterator[None]:
    """One of the runs that the host has at once. A place is a locked file: it is free when its process ends,
    however it ends."""
    folder = places.store.parent / "runs"
    while (descriptor := _lock_one(folder, places.runs)) is None:
        say("stage-release", f"waiting for a place: {places.runs} runs are under way here")
        mesh.check()
        time.sleep(WAIT)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock_one(folder: Path, count: int) -> int | None:
    """A descriptor that holds a place; None where all are taken. Errors: CT-1120, CT-1121."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(count):
            descriptor = os.open(folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return descriptor
    except OSError as error:
        raise write_error(folder, error) from error
    return None


class _Watch:
    """Sees to it that the runner ends where the job has ended elsewhere."""

    def __init__(self, mesh: Mesh) -> None:
        self.ended = threading.Event()
        self._mesh = mesh
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True, name="tee-watch")

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(WAIT):
            try:
                self._mesh.check()
            except CoterieError:
                self.ended.set()
                return
