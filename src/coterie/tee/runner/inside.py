"""Inside of the sandbox: one run, from the first record to the last.

What the runner holds in clear lies in its memory alone; it says no word after it has the first key, but
sealed results, the receipt, names of steps, and, of errors in the work, codes without their details.
"""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from coterie.crypto import canonical, now, timestamp
from coterie.errors import CoterieError
from coterie.tee.container.wrapping import RunnerKey
from coterie.tee.documents.exchange import (
    SECRET,
    Challenge,
    Release,
    ReleaseRequest,
    release_info,
    secret_info,
)
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.documents.receipt import Receipt, ReceiptInput, ReceiptKey, ReceiptOutput
from coterie.tee.evidence.binding import reported
from coterie.tee.evidence.model import Endorsements, Evidence
from coterie.tee.evidence.verify import state
from coterie.tee.release.case import Case
from coterie.tee.runner.documents import parse_case
from coterie.tee.runner.errors import OUTPUT_REFUSED, RUN_REFUSED, RUNNER_MEMORY, WORK_FAILED
from coterie.tee.runner.inputs import OpenedDataset, open_dataset, overwrite
from coterie.tee.runner.outputs import Output, gate, seal_output
from coterie.tee.runner.records import PIECE, Channel, Closed, Kind, error_record, read_error
from coterie.tee.runner.standard import begin, silence, take_socket
from coterie.tee.sandbox.confine import INPUTS

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Task:
    """One run, as the work sees it."""

    manifest: JobManifest
    public: bytes = field(repr=False)
    """What the host has put beside the case for the work. Nobody has checked it: the work holds it against
    the manifest."""
    datasets: Mapping[str, OpenedDataset]
    """By owner."""
    secrets: Mapping[str, bytes] = field(repr=False)
    """By owner, 32 bytes that it released beside its data key; owners who released none are not in it."""
    progress: Progress
    """Where to name the step that begins."""


Work = Callable[[Task], Iterable[Output]]
"""What is run."""


Prepare = Callable[[JobManifest], object]
"""What the work of a job needs and no key, such as importing its libraries."""


def serve(work: Work, prepare: Prepare | None = None) -> None:
    """One run of ``work``, spoken for by the socket that stands as standard input; then the process has no
    more to do. A failure is told to the host: with its details before the first key is there, and after that
    with its code and step alone. ``main`` of the sandbox's module calls it.

    :param prepare: done while the case is checked, in a thread that has ended before the first owner is
        asked: once there are keys, nothing more is loaded. If it fails, the work will say why.
    """
    channel = Channel(take_socket())
    run: _Run | None = None
    try:
        channel.send(Kind.READY)
        case, public = parse_case(channel.receive(Kind.BEGIN))
        getting_ready = begin(None if prepare is None else partial(prepare, case.manifest))
        run = _Run(channel, case, public, getting_ready)
        run.go(work)
    except Closed:
        os._exit(1)  # nobody is there to hear of it
    except BaseException as error:  # noqa: BLE001 - nothing may be printed, whatever it is
        _tell(channel, error, run)
        os._exit(1)
    finally:
        if run is not None:
            run.wipe()
    channel.close()


@dataclass(frozen=True)
class _Released:
    """A key that is on its way to being used."""

    release: Release
    body: str
    """Digest of the signed body of the evidence that it was released for."""


@dataclass
class _Run:
    """The state of one run."""

    channel: Channel
    case: Case
    public: bytes
    getting_ready: threading.Thread
    opened: bool = False
    """Whether the work has begun: from here on no error is told but by its code."""
    datasets: dict[str, OpenedDataset] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)
    _key: RunnerKey = field(default_factory=RunnerKey.generate)
    _receipt: ReceiptKey = field(default_factory=ReceiptKey.generate)

    def go(self, work: Work) -> None:
        """All of it. Errors: those of checking, releasing, opening; CT-2295; what ``work`` raises."""
        started, clock = timestamp(now()), time.monotonic()
        manifest = self.case.manifest
        limits = self.case.check(started)
        silence(1, 2)
        self.getting_ready.join()
        released = {owner: self._ask(owner) for owner in manifest.owners}
        self._open_all({owner: one.release for owner, one in released.items()})
        self.opened = True  # what opening says is of containers and keys; what work says could be of data
        task = Task(manifest, self.public, self.datasets, self.secrets, self._progress)
        outputs = gate(work(task), manifest, limits)
        self.wipe()
        described = [self._send(output) for output in outputs]
        receipt = self._sign(started, clock, released, described)
        self.channel.send(Kind.RECEIPT, canonical(receipt))
        self.channel.receive(Kind.TAKEN)

    def wipe(self) -> None:
        """Nothing of the data in clear stays."""
        for dataset in self.datasets.values():
            dataset.wipe()
        for secret in self.secrets.values():
            overwrite(secret)
        self.datasets.clear()
        self.secrets.clear()

    def _ask(self, owner: str) -> _Released:
        """Prove to one owner what this is, and get a key. Errors: CT-2273, CT-2294, and the owner's."""
        manifest = self.case.manifest
        challenge = Challenge.parse(self._answer(Kind.CHALLENGE, Kind.ASK_CHALLENGE, owner.encode())[0])
        if (challenge.provider, challenge.job) != (owner, manifest.digest):
            raise RUN_REFUSED("the nonce is for another owner or job", party=owner)
        binding = self.case.binding(
            provider=owner,
            nonce=challenge.nonce,
            hpke_pk=self._key.public.hex(),
            receipt_pk=self._receipt.public,
        )
        asked = binding.report_data()
        parts = self._answer(Kind.EVIDENCE, Kind.ASK_EVIDENCE, asked)
        evidence = Evidence.parse(parts[0])
        said = state(evidence)
        if (
            evidence.assurance != manifest.assurance
            or said.report_data != reported(evidence.type, asked).hex()
        ):
            raise RUN_REFUSED("the platform's evidence is not what was asked for", party=owner)
        endorsements = Endorsements.parse(parts[1]) if parts[1] else None
        request = ReleaseRequest(binding=binding, evidence=evidence, endorsements=endorsements)
        answer = self._answer(Kind.RELEASE, Kind.ASK_RELEASE, owner.encode(), request.to_bytes())
        release = Release.parse(answer[0])
        grant = self.case.grant(owner).digest
        expected = (owner, manifest.digest, grant, challenge.nonce)
        if (release.provider, release.job, release.grant, release.nonce) != expected:
            raise RUN_REFUSED("the key was released for something else", party=owner)
        return _Released(release, said.body)

    def _answer(self, kind: Kind, question: Kind, *parts: bytes) -> tuple[bytes, ...]:
        self.channel.send(question, *parts)
        record = self.channel.receive(kind, Kind.REFUSED)
        if record.kind == Kind.REFUSED:
            raise read_error(record.parts[0])
        return record.parts

    def _open_all(self, released: Mapping[str, Release]) -> None:
        """All of them at once, a core for each: most of the time goes into hashing. Errors: as the first of
        those that fail, in the manifest's order.
        """
        owners = self.case.manifest.owners
        with ThreadPoolExecutor(min(len(owners), len(os.sched_getaffinity(0)))) as pool:
            opening = [
                pool.submit(self._open, number, released[owner]) for number, owner in enumerate(owners)
            ]
        for one in opening:
            if one.exception() is None:
                self.datasets[one.result().owner] = one.result()
        for one in opening:
            one.result()

    def _open(self, number: int, release: Release) -> OpenedDataset:
        used = self.case.manifest.datasets[number]
        named = (self.case.manifest.assurance, release.grant, release.job, release.nonce)
        key = self._key.unwrap(release.wrapped, release_info(*named))
        if release.secret is not None:
            info = secret_info(release_info(*named, SECRET), key)
            self.secrets[used.owner] = self._key.unwrap(release.secret, info)
        return open_dataset(INPUTS / str(number), used, self.case.record(used.owner), key)

    def _progress(self, step: str) -> None:
        if self.knows(step):  # a word of the work's own could be made of data
            self.channel.send(Kind.STEP, step.encode())

    def knows(self, step: str | None) -> bool:
        """Whether the manifest has a step of this name."""
        return step in {one.name for one in self.case.manifest.steps}

    def _send(self, output: Output) -> ReceiptOutput:
        # The description, with the root of the whole, comes after the container that it describes.
        def write(data: bytes | memoryview) -> None:
            for start in range(0, len(data), PIECE):
                self.channel.send(Kind.PIECE, memoryview(data)[start : start + PIECE])

        described, wrapped = seal_output(output, self.case.manifest, write)
        self.channel.send(Kind.OUTPUT, canonical(described), *wrapped)
        return described

    def _sign(
        self,
        started: str,
        clock: float,
        released: Mapping[str, _Released],
        outputs: list[ReceiptOutput],
    ) -> Receipt:
        used = resource.getrusage(resource.RUSAGE_SELF)
        fields = {
            "assurance": self.case.manifest.assurance,
            "manifest": self.case.job,
            "grants_root": self.case.grants_root,
            "log_checkpoint": self.case.checkpoint.digest,
            "evidence": {owner: one.body for owner, one in released.items()},
            "inputs": tuple(
                ReceiptInput(
                    owner=record.owner.name, dataset=record.dataset, record=record.digest, root=record.root
                )
                for record in self.case.records
            ),
            "outputs": tuple(outputs),
            "resources": {
                "wall_ms": int((time.monotonic() - clock) * 1000),
                "cpu_ms": int((used.ru_utime + used.ru_stime) * 1000),
                "memory": used.ru_maxrss * 1024,
            },
            "started": started,
            "finished": max(started, timestamp(now())),
        }
        return self._receipt.sign(fields)


def _tell(channel: Channel, error: BaseException, run: _Run | None) -> None:
    """Why it failed. Once data was opened, no word of the work's own: it could be made of data."""
    told: CoterieError
    if isinstance(error, MemoryError):
        told = RUNNER_MEMORY()
    elif isinstance(error, CoterieError):
        told = error
        if run is not None and run.opened:
            step = error.step if run.knows(error.step) else None
            # What the gate says is made of the manifest and of lengths.
            told = error if error.code == OUTPUT_REFUSED.code else WORK_FAILED(error.code, step=step)
    else:
        told = WORK_FAILED(type(error).__name__ if type(error).__module__ == "builtins" else "in a library")
    try:
        channel.send(Kind.FAILED, error_record(told))
    except Closed:
        return
