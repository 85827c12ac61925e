"""Start and stop the demo's processes: a hub and two nodes, each with a home folder and a port of its own."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from coterie.client import Client
from coterie.errors import CoterieError

COTERIE = Path(sys.executable).with_name("coterie")
START_SECONDS = 120.0


class StartError(RuntimeError):
    """A process did not come up."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def initialise(role: str, name: str, home: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    command = [
        COTERIE,
        "--home",
        home,
        role,
        "init",
        "--name",
        name,
        "--listen",
        address,
        "--address",
        address,
    ]
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def running(homes: dict[str, Path]) -> Iterator[dict[str, Client]]:
    """Start the daemons of ``homes``; gives a client of each. Ends them all at the end."""
    processes = {}
    clients = {}
    with contextlib.ExitStack() as stack:
        for name, home in homes.items():
            log = stack.enter_context((home / "console.log").open("wb"))
            command = [str(COTERIE), "--home", str(home), "node", "start"]
            processes[name] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            for name, home in homes.items():
                clients[name] = _await(home, processes[name])
            yield clients
        finally:
            for client in clients.values():
                client.close()
            for process in processes.values():
                process.send_signal(signal.SIGTERM)
            for process in processes.values():
                process.wait(timeout=START_SECONDS)


def _await(home: Path, process: subprocess.Popen[bytes]) -> Client:
    client = Client(home=home)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client.health()
        except CoterieError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"it did not start; see {home / 'console.log'}") from None
            time.sleep(0.1)
        else:
            return client
