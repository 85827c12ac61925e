"""A process in place of a machine that was launched for a keeper. Arguments: the socket of the host, the
image, the folder of the machine's own simulated root, what it was launched for.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.image.guest import run_one
from coterie.tee.image.opening import Opening
from coterie.tee.keeper.inside import MODULE
from coterie.tee.sandbox.command import Sandbox
from tests.tee.joint import Clock


def main(path: str, image: str, root: str, launched: str) -> None:
    sandbox = Sandbox(Path(image), MODULE)

    def start(opening: Opening, descriptor: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(sandbox.command((), opening.limits), stdin=descriptor)

    def own(told: bytes) -> SimAttester:
        assert told.hex() == launched
        return SimAttester(Path(root), sandbox.measure().measurement, launch_bound=told, now=Clock())

    port = socket.socket(socket.AF_UNIX)
    port.connect(path)
    with tempfile.TemporaryDirectory() as inputs:
        run_one(port.detach(), Path(inputs), start, own)


if __name__ == "__main__":
    main(*sys.argv[1:])
