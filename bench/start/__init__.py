"""The start of a node and its memory when it waits, beside the smallest server of the same libraries."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from bench.processes import free_ports
from bench.records import Record, compare
from coterie.node import init_node

__all__ = ["METHOD", "benchmark"]

METHOD = """One process after the other, each started anew, asked over HTTPS until it answers.

- *Ours*: `coterie node start` of a node without peers, until `/readyz` answers.
- *uvicorn*: FastAPI with one route, behind TLS with the same certificate, by uvicorn; it has no database, no
  protocols and nothing to learn with.
- `start`: processor seconds until the first answer, of user and system; the note has the seconds on the
  clock, which are more where others use the machine.
- `idle`: the note has the proportional set size (PSS), of the node's process and all that it has started
  together, three seconds after the first answer. A page that several processes have counts in parts: where
  other processes with the same libraries run on the machine, it is less."""

SIDES = ("ours", "uvicorn")
SETTLE_SECONDS = 3.0
LONGEST = 60.0

COTERIE = "from coterie.cli import main; main()"
PLAIN = """
import sys
import uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/readyz")
def ready() -> dict[str, str]:
    return {"status": "ready"}
uvicorn.run(app, port=int(sys.argv[1]), ssl_keyfile=sys.argv[2], ssl_certfile=sys.argv[3], log_level="error")
"""


@dataclass(frozen=True)
class Measured:
    """One start."""

    side: str
    seconds: float
    processor_s: float
    memory: int
    """Bytes, PSS."""


def benchmark(
    *,
    turns: int,
    works: Sequence[str] | None,
    without: frozenset[str],
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure the sides in turn; both works are of the same runs."""
    runs = []
    with TemporaryDirectory() as folder:
        port, other = free_ports(2)
        home = Path(folder) / "node"
        init_node(home, name="node", listen=f"127.0.0.1:{port}", address=None, role="node")
        identity = home / "identity"
        commands = {
            "ours": [sys.executable, "-c", COTERIE, "--home", home, "node", "start"],
            "uvicorn": [
                *(sys.executable, "-c", PLAIN, other),
                *(identity / "api-key.pem", identity / "api-cert.pem"),
            ],
        }
        for _ in range(turns):
            for side, number in (("ours", port), ("uvicorn", other)):
                if side not in without:
                    runs.append(_measure(side, [str(word) for word in commands[side]], number))
    ours, peer = (_of(runs, side, "processor_s") for side in SIDES)
    records = [
        compare("start", ours_s=ours, peer="uvicorn", peer_s=peer, note=_told(runs, "seconds", "{:.2f} s")),
        Record("idle", peer="uvicorn", note=_told(runs, "memory", "{:.0f} MB", 1e6)),
    ]
    found = [record for record in records if not works or record.work in works]
    return found, [{**vars(run), "work": "start"} for run in runs]


def _measure(side: str, command: list[str], port: int) -> Measured:
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _await_answer(port, began + LONGEST)
            seconds, processor_s = time.monotonic() - began, _processor(process.pid)
            time.sleep(SETTLE_SECONDS)
            memory = sum(_share(pid) for pid in _family(process.pid))
        finally:
            process.send_signal(signal.SIGTERM)
    return Measured(side, seconds, processor_s, memory)


def _await_answer(port: int, deadline: float) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    while True:
        try:
            with urlopen(f"https://127.0.0.1:{port}/readyz", context=context, timeout=10):
                return
        except HTTPError:
            pass  # it serves, and is not ready yet
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _processor(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += _family(int(child))
    return found


def _share(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _of(runs: list[Measured], side: str, what: str) -> float | None:
    found = [getattr(run, what) for run in runs if run.side == side]
    return median(found) if found else None


def _told(runs: list[Measured], what: str, form: str, unit: float = 1.0) -> str:
    found = ((side, _of(runs, side, what)) for side in SIDES)
    return ", ".join(f"{side} {form.format(value / unit)}" for side, value in found if value is not None)
