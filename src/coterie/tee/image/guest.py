"""Inside of a machine that runs one job: the runner in its walls, and the only way between it and the host.

The machine has no network and no disk but its image; the host speaks to it over one port, of virtio or, in an
enclave of Nitro, a vsock. Everything goes
through unread but the question for evidence, which the machine's own platform answers. Where the machine has
no platform that could, the host is asked, who can only simulate one: then the evidence says so.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from coterie.errors import CoterieError
from coterie.tee.evidence.attest.attester import Attester
from coterie.tee.evidence.attest.nitro import DEVICE, NitroAttester
from coterie.tee.evidence.attest.tsm import REPORTS, TsmAttester
from coterie.tee.image.opening import Opening, take_opening
from coterie.tee.keeper.documents import LAUNCHED_FOR
from coterie.tee.keeper.inside import MODULE as KEEPER_MODULE
from coterie.tee.runner.records import Channel, Closed, Kind, error_record
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.confine import INPUTS, WITHOUT_LANDLOCK
from coterie.tee.sandbox.contents import RUNNER_MODULE

PORT: Final = "coterie"
"""Name of the virtio port."""
VSOCK: Final = 4040
"""Port of the vsock where there is none of virtio."""
_PORTS: Final = Path("/sys/class/virtio-ports")
_PATIENCE: Final = 30.0
_NOBODY: Final = 65534
_POWER_OFF: Final = 0x4321FEDC

_ANSWERS: Final[dict[Kind, tuple[Kind, ...]]] = {
    Kind.READY: (Kind.BEGIN,),
    Kind.ASK_CHALLENGE: (Kind.CHALLENGE, Kind.REFUSED),
    Kind.ASK_EVIDENCE: (Kind.EVIDENCE, Kind.REFUSED),
    Kind.ASK_RELEASE: (Kind.RELEASE, Kind.REFUSED),
    Kind.RECEIPT: (Kind.TAKEN,),
}
_FROM_RUNNER: Final = (*_ANSWERS, Kind.STEP, Kind.OUTPUT, Kind.PIECE, Kind.FAILED)
_QUESTIONS: Final = (Kind.ASK, Kind.ADMIT)
_KEEPER_ANSWERS: Final[dict[Kind, tuple[Kind, ...]]] = {
    Kind.READY: _QUESTIONS,
    Kind.ANSWER: _QUESTIONS,
    Kind.NOT_DONE: _QUESTIONS,
    Kind.ASK_EVIDENCE: (Kind.EVIDENCE, Kind.REFUSED),
    Kind.ENTRY: (Kind.STORED, Kind.REFUSED),
    Kind.ARCHIVE: (Kind.STORED, Kind.REFUSED),
}


def relay(
    host: Channel,
    runner: Channel,
    attester: Attester | None,
    endorsements: bytes = b"",
    *,
    keeper: bool = False,
) -> None:
    """Carry records until the receipt is taken, the run has failed, or either side is gone.

    :param attester: the machine's own; None has the host asked.
    :param endorsements: the vendor's, to go with evidence; nobody here looks at them.
    :param keeper: whether a key keeper runs here; it has no last word.

    Errors: CT-2293.
    """
    answers = _KEEPER_ANSWERS if keeper else _ANSWERS
    said = tuple(_KEEPER_ANSWERS) if keeper else _FROM_RUNNER
    while True:
        record = runner.receive(*said)
        if record.kind == Kind.ASK_EVIDENCE and attester is not None:
            try:
                runner.send(Kind.EVIDENCE, attester.quote(record.parts[0]).to_bytes(), endorsements)
            except CoterieError as error:
                runner.send(Kind.REFUSED, error_record(error))
            continue
        host.send(record.kind, *record.parts)
        if record.kind in answers:
            answer = host.receive(*answers[record.kind])
            runner.send(answer.kind, *answer.parts)
        if record.kind in (Kind.RECEIPT, Kind.FAILED):
            return


Start = Callable[[Opening, int], subprocess.Popen[bytes]]
"""Starts the runner with a socket as its standard input."""


Own = Callable[[bytes], Attester | None]
"""The machine's own attester, bound to the job's digest; None where there is none."""


def run_one(port: int, inputs: Path, start: Start, own: Own) -> None:
    """One run for the host behind a descriptor, which is closed at the end. Errors: CT-2293, CT-1110,
    CT-2248. Raises :class:`Closed`.
    """
    host = Channel(port)
    try:
        opening, endorsements = take_opening(host.read, host.write, inputs)
        attester = own(bytes.fromhex(opening.job))
        ours, theirs = socket.socketpair()
        with theirs:
            process = start(opening, theirs.fileno())
        runner = Channel(ours.detach())
        try:
            relay(host, runner, attester, endorsements, keeper=_is_keeper(opening))
        finally:
            runner.close()
            process.kill()
            process.wait()
    finally:
        host.close()


def main() -> None:
    """The machine's whole life, after ``init``."""
    try:
        run_one(_port(), INPUTS, _start, own_attester)
    except Closed:
        os.write(2, b"coterie: the runner or the host is gone\n")
    except BaseException as error:  # noqa: BLE001 - whatever it is: the machine must not go on
        os.write(2, f"coterie: {error}\n".encode(errors="replace")[:1000])
    time.sleep(0.2)  # the console is slow
    os.sync()
    ctypes.CDLL(None).reboot(_POWER_OFF)


def own_attester(job: bytes, reports: Path = REPORTS, module: Path = DEVICE) -> Attester | None:
    """That of this confidential machine; None where the kernel knows of none. TDX and SNP were launched with
    the job; Nitro is bound to it here, before anything else runs. Errors: CT-2248.
    """
    if module.exists():
        nitro = NitroAttester()
        nitro.bind_launch(job)
        return nitro
    try:
        attester = TsmAttester(reports)
        attester.quote(bytes(64))
    except CoterieError:
        return None
    return attester


def _start(opening: Opening, descriptor: int) -> subprocess.Popen[bytes]:
    # The image is the file system itself: what the runner is started with is what the list of it says.
    landlock = os.environ.get(WITHOUT_LANDLOCK) != "1"  # as the image says: nobody else sets variables here
    # A host that says here something else than at launch gets a process whose evidence nobody accepts.
    module = KEEPER_MODULE if _is_keeper(opening) else RUNNER_MODULE
    sandbox = Sandbox(Path("/"), module, landlock=landlock)
    return subprocess.Popen(  # noqa: S603 - the image's own interpreter
        [*sandbox.run, *opening.limits.arguments()],
        stdin=descriptor,
        env=sandbox.environment,
        user=_NOBODY,
        group=_NOBODY,
        extra_groups=[],
        cwd="/",
        start_new_session=True,
    )


def _is_keeper(opening: Opening) -> bool:
    return opening.job == LAUNCHED_FOR.hex()


def _port() -> int:
    if DEVICE.exists():
        with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as listener:
            listener.bind((socket.VMADDR_CID_ANY, VSOCK))
            listener.listen(1)
            return listener.accept()[0].detach()
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        for folder in _PORTS.glob("*"):
            if (folder / "name").read_text(encoding="ascii", errors="replace").strip() == PORT:
                return os.open(f"/dev/{folder.name}", os.O_RDWR | os.O_CLOEXEC)
        time.sleep(0.01)
    raise OSError(f"there is no virtio port named {PORT}")
