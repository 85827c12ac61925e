"""Walk through docs/tutorial.md as a person would: its own commands, in bash, against real daemons.

Only what a test cannot share with a person is replaced: the folder, the ports, the big table, and the image
of the attested runner, which is there already.
"""

from __future__ import annotations

import csv
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.installed import as_installed
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"

DATA_COMMAND = "python examples/credit_score/data.py"
FOLDER = "/tmp/ct"
PORTS = ("7400", "7301", "7302")
PATIENT = 120
PEOPLE = 1500
IN_SANDBOX = re.compile(r"job-tee|results-tee|--kind release")
"""Commands that need one, for the run of a job of engine tee."""


def commands(text: str) -> list[str]:
    """The lines with a prompt in the console blocks of a page."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    command: str
    status: int
    out: str
    err: str


@dataclass
class Walk:
    """One terminal, and the daemons started from it."""

    folder: Path
    image: Path
    """Of the runner: made once for all tests."""
    sandboxes: bool = True
    """Whether this system makes any; without, some commands are left out."""
    ran: list[Ran] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    daemons: dict[Path, subprocess.Popen[bytes]] = field(default_factory=dict)
    _prelude: list[str] = field(default_factory=list)
    _ports: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ports = {port: str(free_port()) for port in PORTS}

    def here(self, command: str) -> str:
        """The command with this walk's folder, ports and environment."""
        command = command.replace(FOLDER, str(self.folder))
        command = command.replace("$PWD/.venv/bin", str(Path(sys.executable).parent))
        for port, own in self._ports.items():
            command = command.replace(f"127.0.0.1:{port}", f"127.0.0.1:{own}")
        return command

    def step(self, command: str) -> None:
        """Do what a line of the tutorial says."""
        line = self.here(command)
        if not self.sandboxes and IN_SANDBOX.search(command):
            self.left_out.append(command)
        elif command.startswith(DATA_COMMAND):
            write_tables(Path(line.split()[-1]))
        elif line.endswith(" start"):
            self._start(line)
        else:
            self._await_daemons()
            self.ran.append(self.run(line))
            if " hub init " in line:
                with (self.home("hub") / "node.yaml").open("a") as settings:
                    settings.write(f"tee: {{release: {self.image}}}\n")
            if re.match(r"(export \w+=|\w+\(\))", line):
                self._prelude.append(line)

    def run(self, line: str) -> Ran:
        """Run a line in bash, at 100 columns."""
        script = "\n".join(["set -o pipefail", *self._prelude, line])
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=ROOT,
            env={**as_installed(), "COLUMNS": "100", "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            timeout=PATIENT,
            check=False,
        )
        return Ran(line, done.returncode, done.stdout, done.stderr)

    def of(self, part: str) -> Ran:
        """The one command of the walk that contains ``part``."""
        (found,) = [one for one in self.ran if part in one.command]
        return found

    def home(self, party: str) -> Path:
        return self.folder / party

    def _start(self, line: str) -> None:
        script = "\n".join([*self._prelude, f"exec {line}"])
        home = Path(line.split()[2])
        with (home / "console.log").open("wb") as log:
            daemon = subprocess.Popen(
                ["bash", "-c", script], cwd=ROOT, env=as_installed(), stdout=log, stderr=subprocess.STDOUT
            )
        self.daemons[home] = daemon

    def _await_daemons(self) -> None:
        deadline = time.monotonic() + PATIENT
        for home, daemon in self.daemons.items():
            while "listens on" not in (log := home / "console.log").read_text():
                assert daemon.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "the node does not come up"
                time.sleep(0.05)

    def end(self) -> list[int]:
        """Stop the daemons as Ctrl-C does; their exit statuses."""
        for daemon in self.daemons.values():
            daemon.send_signal(signal.SIGINT)
        return [daemon.wait(timeout=30) for daemon in self.daemons.values()]


def write_tables(folder: Path) -> None:
    """Small tables with the columns of the demo's, whose label depends on both sides, and on chance more."""
    sys.path.insert(0, str(ROOT / "examples" / "credit_score"))
    try:
        import data
    finally:
        sys.path.pop(0)
    chance = random.Random(1)
    people = []
    for number in range(PEOPLE):
        own = {name: f"{chance.gauss(50, 10):.0f}" for name in (*data.LENDER, *data.PAYMENTS)}
        risk = float(own[data.LENDER[0]]) + float(own[data.PAYMENTS[0]]) - 100
        own |= {"id": str(number), data.LABEL: str(int(risk + chance.gauss(0, 20) > 0))}
        people.append(own)
    folder.mkdir()
    for party, key, style, names in (
        ("lender", "customer", "C{:07d}", (data.LABEL, *data.LENDER)),
        ("payments", "user", " c{:07d}", data.PAYMENTS),
    ):
        with (folder / f"{party}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow((key, *names))
            for one in chance.sample(people, k=PEOPLE - PEOPLE // 10):
                writer.writerow((style.format(int(one["id"])), *(one[name] for name in names)))
