"""A process in place of a machine: what runs in one, with the sandbox of this system around the runner.

Arguments: the socket of the host, the image, a folder of its own, the folder of a simulated root where the
machine is to have a platform of its own, ``-`` where not, the job, and what to run.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from pathlib import Path

from coterie.tee.evidence.attest.attester import Attester
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.evidence.model import Evidence
from coterie.tee.image.guest import run_one
from coterie.tee.image.opening import Opening
from coterie.tee.sandbox.command import Sandbox
from tests.tee.joint import Clock


class Launched:
    """A platform that was launched with the job."""

    def __init__(self, home: Path, sandbox: Sandbox, job: str) -> None:
        measured = sandbox.measure().measurement
        self._attester = SimAttester(home, measured, launch_bound=bytes.fromhex(job), now=Clock())

    def quote(self, report_data: bytes) -> Evidence:
        return self._attester.quote(report_data)


def main(path: str, image: str, folder: str, root: str, job: str, module: str = "tee_work") -> None:
    sandbox = Sandbox(Path(image), module)
    inputs = Path(folder, secrets.token_hex(8))
    inputs.mkdir()

    def start(opening: Opening, descriptor: int) -> subprocess.Popen[bytes]:
        given = [inputs / str(number) for number in range(len(opening.inputs))]
        return subprocess.Popen(sandbox.command(given, opening.limits), stdin=descriptor)

    def own(told: bytes) -> Attester | None:
        assert told.hex() == job
        return None if root == "-" else Launched(Path(root), sandbox, job)

    port = socket.socket(socket.AF_UNIX)
    port.connect(path)
    run_one(port.detach(), inputs, start, own)


if __name__ == "__main__":
    main(*sys.argv[1:])
