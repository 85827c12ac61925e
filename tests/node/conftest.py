"""Real daemons on loopback: a hub, a lender and a payment platform, introduced once for all tests."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from coterie.client import Client
from coterie.errors import CoterieError
from coterie.node import AgreementView, JobView, init_node
from coterie.tee import RUNNER_MODULE, Sandbox
from tests.images import why_not
from tests.installed import as_installed
from tests.ports import free_port

PATIENCE = 10.0
START_SECONDS = 30.0


class Daemon:
    """A node or hub in a process of its own."""

    def __init__(self, home: Path, role: str = "node", name: str | None = None) -> None:
        address = f"127.0.0.1:{free_port()}"
        init_node(home, name or home.name, listen=address, address=address, role=role, patience=PATIENCE)  # type: ignore[arg-type]
        self.home = home
        self.name = name or home.name
        self.address = address
        self.client = Client(home=home)
        self.process: subprocess.Popen[bytes] | None = None
        self.stopping = False

    def start(self) -> None:
        self.stopping = False
        with (self.home / "console.log").open("ab") as log:
            command = [sys.executable, "-c", "import sys; from coterie.cli import main; sys.exit(main())"]
            command += ["--home", str(self.home), "node", "start"]
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=as_installed())

    def await_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.client.health()
                return
            except CoterieError:
                assert self.process is not None
                assert self.process.poll() is None, (self.home / "console.log").read_text()
                assert time.monotonic() < deadline, "the node does not come up"
                time.sleep(0.05)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def ask_to_stop(self) -> None:
        assert self.process is not None
        self.stopping = True
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        assert self.process is not None
        if not self.stopping:
            self.ask_to_stop()
        return self.process.wait(timeout=20)

    def workers(self) -> list[int]:
        """Process ids of the workers of this node."""
        found = _processes()
        nurseries = {
            pid
            for pid, one in found.items()
            if one.parent == self.pid and b"coterie.node.nursery" in one.command
        }
        workers = [pid for pid, one in found.items() if one.parent in nurseries and one.state != "Z"]
        return [pid for pid in workers if _has_log(pid)]

    def worker(self) -> int:
        """The one worker, as soon as it runs."""
        deadline = time.monotonic() + 20
        while not (found := self.workers()):
            assert time.monotonic() < deadline, "no worker was started"
            time.sleep(0.01)
        return found[0]


class Process(NamedTuple):
    """What the system says of one."""

    parent: int
    state: str
    command: bytes


def _has_log(pid: int) -> bool:
    """Whether a worker prints to its log: the node has been told of it then, whatever becomes of it."""
    try:
        return Path(f"/proc/{pid}/fd/1").readlink() != Path(os.devnull)
    except PermissionError:  # it lets nobody look but root
        return True
    except OSError:
        return False


def _processes() -> dict[int, Process]:
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_bytes()
            found[int(status.parent.name)] = Process(int(fields[1]), fields[0], command)
    return found


@dataclass
class Trio:
    """The parties of most tests."""

    hub: Daemon
    lender: Daemon
    payments: Daemon
    data: Path
    made: int = 0

    @property
    def all(self) -> tuple[Daemon, Daemon, Daemon]:
        return self.hub, self.lender, self.payments

    def agree(self, **changes: str) -> AgreementView:
        """A new agreement that both parties have signed. ``changes`` replace lines of its text by field."""
        draft = self.lender.client.draft_agreement(self.terms(**changes))
        self.lender.client.offer_agreement(draft.id)
        self.lender.client.sign_agreement(draft.id)
        return self.payments.client.sign_agreement(draft.id)

    def terms(self, **changes: str) -> str:
        self.made += 1
        lines = TERMS.format(number=self.made).splitlines()
        for field, value in changes.items():
            start = next(i for i, line in enumerate(lines) if line.startswith(f"{field}:"))
            stop = next((i for i in range(start + 1, len(lines)) if lines[i][0] not in " -"), len(lines))
            lines[start:stop] = [f"{field}: {value}"]
        return "\n".join(lines)

    def job(self, agreement: AgreementView, steps: str = "[align]") -> str:
        return JOB.format(agreement=agreement.id, steps=steps)


PAYMENTS_ATTEMPTS = 2
OBSERVED = f"""\
ready: {{peers: [hub], every: 1s}}
log: {{format: json, level: debug}}
resume: {{attempts: {PAYMENTS_ATTEMPTS}}}
"""
"""In the settings of one of the nodes: what test_observing.py and test_trouble.py look at."""

TERMS = """\
name: credit-{number}
parties: [lender, payments]
services: [hub]
dealer: hub
datasets:
  - {{name: customers, owner: lender, id: customer, label: bad, columns: [age]}}
  - {{name: behaviour, owner: payments, id: user, columns: [flow, ratio]}}
components:
  - {{name: align}}
  - {{name: split}}
  - {{name: fill}}
  - {{name: standardize}}
  - {{name: logistic}}
  - {{name: evaluate}}
  - {{name: report}}
engines: [mpc]
results:
  - {{kind: model, to: [lender, payments]}}
  - {{kind: common_ids, to: [lender]}}
  - {{kind: metrics, to: [lender, payments]}}
  - {{kind: scores, to: [lender]}}
  - {{kind: report, to: [lender]}}
min_rows: 50
not_before: "2026-01-01T00:00:00Z"
expires: "2096-01-01T00:00:00Z"
max_runs: 10
approval: {{lender: automatic, payments: automatic}}"""

JOB = """\
name: joint score
agreement: {agreement}
engine: mpc
datasets: {{lender: customers, payments: behaviour}}
steps: {steps}
"""

CUSTOMERS = """\
name: customers
source: {kind: csv, path: customers.csv}
id_rule: [nfkc, trim, lower]
columns:
  - {name: customer, type: text, role: id}
  - {name: bad, type: int, role: label}
  - {name: age, type: float}
  - {name: secret, type: float}
"""

BEHAVIOUR = """\
name: behaviour
source: {kind: csv, path: behaviour.csv}
id_rule: [nfkc, trim, lower]
columns:
  - {name: user, type: text, role: id}
  - {name: flow, type: float}
  - {name: ratio, type: float, nullable: true}
"""

ROWS = 300
COMMON = 240


def write_tables(folder: Path) -> None:
    """Two tables of the same people, a fifth of them missing on each side; behaviour decides the label."""
    folder.mkdir()
    chance = random.Random(7)
    people = [(f"p{n:04d}", *(chance.gauss(0, 1) for _ in range(3))) for n in range(ROWS + ROWS - COMMON)]
    customers, behaviour = ["customer,bad,age,secret"], ["user,flow,ratio"]
    for name, age, flow, ratio in people[:ROWS]:
        customers.append(f"{name},{int(age + 2 * flow + chance.gauss(0, 1.5) > 0)},{age:.3f},{ratio:.3f}")
    for name, _, flow, ratio in people[ROWS - COMMON :]:
        behaviour.append(f"{name.upper()},{flow:.3f},{ratio:.3f}")
    chance.shuffle(rest := behaviour[1:])
    (folder / "customers.csv").write_text("\n".join(customers) + "\n")
    (folder / "behaviour.csv").write_text("\n".join([behaviour[0], *rest]) + "\n")


@pytest.fixture(scope="session")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    base = tmp_path_factory.mktemp("trio")
    made = Trio(
        hub=Daemon(base / "hub", "hub"),
        lender=Daemon(base / "lender"),
        payments=Daemon(base / "payments"),
        data=base / "data",
    )
    for host in (made.hub, made.lender):
        with (host.home / "node.yaml").open("a") as settings:
            # See the fixture `release`.
            settings.write(f"tee: {{release: {base / 'release'}, image: {base / 'images'}}}\n")
    with (made.payments.home / "node.yaml").open("a") as settings:
        settings.write(OBSERVED)
    for daemon in made.all:
        daemon.start()
    try:
        for daemon in made.all:
            daemon.await_up()
        for inviter, guest in (
            (made.lender, made.payments),
            (made.hub, made.lender),
            (made.hub, made.payments),
        ):
            guest.client.accept(str(inviter.client.invite(hours=1).text))
        write_tables(made.data)
        made.lender.client.add_dataset(CUSTOMERS, made.data)
        made.payments.client.add_dataset(BEHAVIOUR, made.data)
        yield made
        for daemon in made.all:
            daemon.client.close()
            daemon.ask_to_stop()
        assert [daemon.stop() for daemon in made.all] == [0, 0, 0]
    finally:
        for daemon in made.all:
            daemon.client.close()
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()


@pytest.fixture(scope="session")
def release(trio: Trio, runner_image: Path) -> Path:
    """The image that jobs are run from at the hub. It was made once, whatever becomes of its sources."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    base = trio.hub.home.parent
    (base / "images").symlink_to(runner_image.parent)
    (base / "release").symlink_to(runner_image)
    return base / "release"


@pytest.fixture(scope="session")
def measurement(release: Path) -> str:
    """Of the runner that the hub starts."""
    return Sandbox(release, RUNNER_MODULE).measure().measurement.hex()


def refused(code: str) -> AbstractContextManager[pytest.ExceptionInfo[CoterieError]]:
    """Expect a coded error."""
    return pytest.raises(CoterieError, match=f"^{code} ")


def ended(client: Client, job: str, seconds: float = 20.0) -> JobView:
    """The job once it is over."""
    deadline = time.monotonic() + seconds
    while not (view := client.job(job)).over:
        assert time.monotonic() < deadline, f"job is still {view.state}"
        time.sleep(0.05)
    return view


def await_log(daemon: Daemon, words: str, seconds: float = 5.0) -> None:
    """Wait until a node has logged this."""
    deadline = time.monotonic() + seconds
    while words not in (daemon.home / "node.log").read_text():
        assert time.monotonic() < deadline, f"{daemon.name} has not logged {words!r}"
        time.sleep(0.02)
