"""Tape files between real nodes: asked for, dealt, taken in, used once; and files that are turned away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coterie.crypto import Identity, PublicIdentity, canonical
from coterie.errors import CoterieError
from coterie.ledger import Ledger, verify
from coterie.mpc import Binding, Part, TapeFile, TapeFiles, peek, trace
from coterie.mpc.tapefile_reader import _PartDealing
from coterie.mpc.tapefile_writer import deal_ahead
from coterie.node import JobView
from coterie.node.core import Core
from coterie.node.home import Home, init_node, tape_place
from coterie.node.messages import JobStart, Ok
from coterie.node.services import Services
from coterie.node.store import Store

from .conftest import Daemon, Trio, ended, refused
from .test_hostile_peers import ask

STEPS = "[align, split, fill, standardize, logistic, evaluate]"
STAGE = 2


def ahead(trio: Trio, **terms: str) -> str:
    """A job whose dealer deals before."""
    return trio.job(trio.agree(**terms), STEPS).replace("engine: mpc", "engine: mpc\ncorrelations: tape")


def waits(daemon: Daemon, job: str, seconds: float = 20.0) -> JobView:
    """The job as soon as this party's worker waits for its file."""
    deadline = time.monotonic() + seconds
    while True:
        view = daemon.client.job(job)
        what = view.participant(daemon.name).what or ""
        if view.state == "running" and what.startswith("waiting for the tape file of stage 2"):
            return view
        assert not view.over, view
        assert time.monotonic() < deadline, f"the job does not wait: {view.state}, {what}"
        time.sleep(0.05)


@dataclass
class Waiting:
    """A job that waits for its files, and the files."""

    trio: Trio
    job: str
    request: dict[str, Any]
    files: dict[str, Path]
    serial: str

    def add(self, party: str, file: Path | None = None) -> None:
        daemon = {"lender": self.trio.lender, "payments": self.trio.payments}[party]
        daemon.client.add_tape(file or self.files[party])


def deal(trio: Trio, request: dict[str, Any], folder: Path) -> tuple[str, dict[str, Path]]:
    hub = trio.hub.client
    done = hub.wait_dealing(hub.deal(json.dumps(request), folder).id)
    paths = [Path(file) for file in done.files]
    return str(done.serial), {peek(path).party.name: path for path in paths}


def waiting_job(trio: Trio, folder: Path) -> Iterator[Waiting]:
    """A job that comes as far as it can without its files."""
    job = trio.lender.client.submit(ahead(trio)).id
    waits(trio.lender, job)
    request = trio.lender.client.stage_request(job, STAGE)
    serial, files = deal(trio, request, folder)
    yield Waiting(trio, job, request, files, serial)
    if not trio.lender.client.job(job).over:
        with contextlib.suppress(CoterieError):  # CT-5051: it has just ended by itself
            trio.lender.client.cancel(job)
    for daemon in (trio.lender, trio.payments):
        ended(daemon.client, job)


@pytest.fixture
def waiting(trio: Trio, tmp_path: Path) -> Iterator[Waiting]:
    """For a test that lets the job go on, or ends it."""
    yield from waiting_job(trio, tmp_path / "dealt")


@pytest.fixture(scope="module")
def patient(trio: Trio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    """For tests that leave it waiting."""
    yield from waiting_job(trio, tmp_path_factory.mktemp("patient"))


def test_a_job_runs_while_its_dealer_is_away(trio: Trio, tmp_path: Path) -> None:
    lender, payments = trio.lender.client, trio.payments.client
    spec = ahead(trio, max_runs="1")
    preview = lender.preview(spec)
    assert set(preview.summary["dealt"]) == {"lender", "payments"}
    assert "hub" not in preview.summary["sent"]
    job = lender.submit(spec).id
    for daemon in (trio.lender, trio.payments):
        waits(daemon, job)
    request = payments.stage_request(job, STAGE)
    assert canonical(request) == canonical(lender.stage_request(job, STAGE))
    serial, files = deal(trio, request, tmp_path / "dealt")
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    key = opened_key(trio, files["lender"])
    trio.hub.stop()
    try:
        added = lender.add_tape(files["lender"])
        assert (added.job, added.stage, added.serial, added.state) == (job, STAGE, serial, "ready")
        known = next(
            one for one in lender.tapes() if one.serial == serial
        )  # the job may have begun to use it
        assert known.model_copy(update={"state": "ready"}) == added
        folders = [trio.lender.home / "tapes", *(trio.lender.home / "tapes").iterdir()]
        assert {one.stat().st_mode & 0o777 for one in folders} == {0o700}
        payments.add_tape(files["payments"])
        done = lender.wait(job, timeout=60)
        assert done.state == "done"
        assert [one.party for one in done.participants] == ["lender", "payments"]
    finally:
        trio.hub.start()
        trio.hub.await_up()
    assert {one.name.rpartition(".")[2] for one in lender.results(job)} >= {"json", "parquet"}
    for daemon in (trio.lender, trio.payments):
        events = [one.body for one in daemon.client.ledger(kind="tape", job=job)]
        assert [(one["event"], one["serial"]) for one in events] == [("added", serial), ("used", serial)]
        used = next(one for one in daemon.client.tapes() if one.serial == serial)
        assert (used.state, used.dealer, used.plan) == ("used", "hub", request["plan"])
        assert not list((daemon.home / "tapes").glob(f"{job}/*"))
        assert verify(daemon.home / "ledger").ok
        sent = [one.body["sent"] for one in daemon.client.ledger(kind="egress", job=job)]
        assert all("hub" not in to for to in sent)
    (dealt,) = trio.hub.client.ledger(kind="tape", job=job)
    assert dealt.body["event"] == "dealt"
    assert dealt.body["parties"] == ["lender", "payments"]
    with refused("CT-1625"):
        lender.submit(spec)
    for daemon in trio.all:
        for log in (daemon.home / "node.log", *(daemon.home / "jobs").glob("*/worker.log")):
            text = log.read_text()
            assert not any(secret in text for secret in (key.hex(), repr(key)))


def test_a_file_is_used_once(waiting: Waiting, tmp_path: Path) -> None:
    """The lender's worker has begun to use its file, and waits for the other's; then its node crashes."""
    copy = tmp_path / "copy.tape"
    shutil.copy(waiting.files["lender"], copy)
    waiting.add("lender")
    client = waiting.trio.lender.client
    deadline = time.monotonic() + 20
    while not any(one.body["event"] == "used" for one in client.ledger(kind="tape", job=waiting.job)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with refused("CT-2147"):
        waiting.add("lender", copy)
    _, others = deal(waiting.trio, waiting.request, tmp_path / "again")
    with refused("CT-2147"):  # of another dealing: the stage has its file
        waiting.add("lender", others["lender"])
    waits(waiting.trio.payments, waiting.job)
    crash(waiting.trio.lender)
    for daemon in (waiting.trio.lender, waiting.trio.payments):
        assert ended(daemon.client, waiting.job, 30).state == "failed"
        assert not (daemon.home / "tapes" / waiting.job).exists()
    with refused("CT-5051"):
        waiting.add("lender", copy)
    assert verify(waiting.trio.lender.home / "ledger").ok


def crash(daemon: Daemon) -> None:
    """Kill a node, and start it again."""
    assert daemon.process is not None
    daemon.process.kill()
    daemon.process.wait()
    daemon.start()
    daemon.await_up()


def test_what_the_ledger_says_outlives_a_crash_and_a_copy(tmp_path: Path) -> None:
    """A node's services on a ledger that was closed and opened again, with the file back at its place."""
    init_node(tmp_path / "home", "lender", listen="127.0.0.1:7300", address=None, role="node")
    home = Home.open(tmp_path / "home")
    body = {"event": "used", "serial": "ab" * 16, "stage": 2, "plan": "sha256:" + "0" * 64}
    place = tape_place(home.path, "0f" * 16, 2)

    async def use() -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"a copy")
        store = Store(home.store_file)
        with Ledger(home.ledger, home.identity()) as ledger:
            core = Core(home, home.identity(), store, ledger)
            try:
                await Services.of(core).tapes.use("0f" * 16, body)
            finally:
                await core.close()
                store.close()

    asyncio.run(use())
    assert not place.exists()
    with refused("CT-2147"):
        asyncio.run(use())
    assert place.exists()


def test_a_home_from_a_backup_uses_nothing_again(waiting: Waiting, tmp_path: Path) -> None:
    """The backup is older than the use, and holds the file that was not used then: ledger and store know
    nothing of it. The job is over for all that, as it ran when the backup was made.
    """
    payments, backup = waiting.trio.payments, tmp_path / "backup"
    waits(payments, waiting.job)
    shutil.copytree(payments.home, backup, ignore=shutil.ignore_patterns("sockets"))
    place = tape_place(backup, waiting.job, STAGE)
    place.parent.mkdir(parents=True)
    shutil.copy(waiting.files["payments"], place)
    for party in ("lender", "payments"):
        waiting.add(party)
    assert ended(waiting.trio.lender.client, waiting.job).state == "done"
    payments.stop()
    newer = payments.home.rename(tmp_path / "newer")
    backup.rename(payments.home)
    try:
        payments.start()
        payments.await_up()
        view = ended(payments.client, waiting.job)
        assert view.error is not None
        assert (view.state, view.error.code) == ("failed", "CT-5061")
        assert not any((payments.home / "tapes").iterdir())
        with refused("CT-5051"):
            waiting.add("payments")
        assert not [
            one
            for one in payments.client.ledger(kind="tape")
            if one.body["event"] == "used" and one.body["job"] == waiting.job
        ]
        # and the other node does not start it again
        start = JobStart(job=waiting.job, approvals=())
        with refused("CT-5052"):
            ask(payments, waiting.trio.lender, "job/start", start, Ok)
    finally:
        payments.stop()
        shutil.rmtree(payments.home)
        newer.rename(payments.home)
        payments.start()
        payments.await_up()


# Files that are turned away


def test_files_that_are_not_whole_or_not_right(patient: Waiting, tmp_path: Path) -> None:
    good, wrong = patient.files["lender"], tmp_path / "wrong.tape"
    data = bytearray(good.read_bytes())

    def turned_away(code: str, content: bytes) -> None:
        wrong.write_bytes(content)
        with refused(code):
            patient.add("lender", wrong)

    turned_away("CT-2140", b"something else entirely")
    turned_away("CT-2142", bytes(data[:-1]))
    turned_away("CT-2142", bytes(data[:50]))
    turned_away("CT-2141", bytes(data) + b"\0")
    data[-100] ^= 1
    turned_away("CT-2141", bytes(data))
    with refused("CT-2145"):
        patient.add("lender", patient.files["payments"])
    with refused("CT-1122"):
        patient.add("lender", tmp_path / "nowhere")
    folder = patient.trio.lender.home / "tapes" / patient.job
    assert not list(folder.glob("*"))
    assert not patient.trio.lender.client.ledger(kind="tape", job=patient.job)


def forged(waiting: Waiting, folder: Path, signer: Daemon, **binding: Any) -> Path:
    """A file for the lender with other words in its head, or of another signer."""
    head = peek(waiting.files["lender"])
    bound = Binding(job=head.job, stage=head.stage, plan=head.plan).model_copy(update=binding)
    tape = trace(lambda ctx: None, ["lender", "payments"], "hub", (), "tape")
    lender = Identity.load(waiting.trio.lender.home).public
    parts: dict[PublicIdentity, list[Part]] = {lender: [Part.of("logistic", tape, "lender")]}
    with TapeFiles(folder, Identity.load(signer.home), bound, parts) as files:
        deal_ahead(tape, files)
        return files.finish()[0]


def test_files_of_other_jobs_and_dealers(patient: Waiting, tmp_path: Path) -> None:
    hub = patient.trio.hub
    with refused("CT-2144"):
        patient.add("lender", forged(patient, tmp_path / "job", hub, job="ab" * 16))
    with refused("CT-2144"):
        patient.add("lender", forged(patient, tmp_path / "path", hub, job="../../jobs"))
    with refused("CT-2146"):
        patient.add("lender", forged(patient, tmp_path / "signer", patient.trio.payments))
    stream = patient.trio.lender.client.jobs()
    other = next((one.id for one in stream if one.state == "done" and one.id != patient.job), None)
    if other is not None:
        with refused("CT-5051"):
            patient.add("lender", forged(patient, tmp_path / "over", hub, job=other))


def test_a_file_for_another_plan_leaves_the_job_waiting(patient: Waiting, tmp_path: Path) -> None:
    """It has the dealer's signature, and the stage's number: only the stage's plan tells."""
    wrong = forged(patient, tmp_path / "plan", patient.trio.hub, plan="sha256:" + "0" * 64)
    with refused("CT-2144"):
        patient.add("lender", wrong)
    assert patient.trio.lender.client.job(patient.job).state == "running"
    assert not patient.trio.lender.client.ledger(kind="tape", job=patient.job)


def test_what_is_no_file_keeps_nobody_waiting(patient: Waiting, tmp_path: Path) -> None:
    """A pipe that nobody writes to, above all: its reader would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for name in ("pipe", "folder", "loop", "x" * 300):
        with refused("CT-1122"):
            patient.add("lender", tmp_path / name)
    with refused("CT-5012"):
        patient.add("lender", Path("a\0b"))
    with refused("CT-5012"):
        patient.trio.hub.client.deal(json.dumps(patient.request), Path("a\0b"))
    endless = tmp_path / "endless"
    shutil.copy(patient.files["lender"], endless)
    os.truncate(endless, 2**42)  # no copy of it fits any disk
    with refused("CT-2141"):
        patient.add("lender", endless)


def test_a_full_disk_takes_no_file_in(patient: Waiting) -> None:
    lender = patient.trio.lender
    hard = resource.prlimit(lender.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(lender.pid, resource.RLIMIT_FSIZE, (100, hard))
    try:
        with refused("CT-1120"):
            patient.add("lender")
    finally:
        resource.prlimit(lender.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    assert not list((lender.home / "tapes" / patient.job).iterdir())


def opened_key(trio: Trio, path: Path) -> bytes:
    """The first seed in the lender's file."""
    identity = Identity.load(trio.lender.home)
    with TapeFile.open(path, identity, Identity.load(trio.hub.home).public) as file:
        (start, part), *_ = file._free
        return _PartDealing(b"", file._stream, start, part.corrections).seed


def test_files_of_two_dealings_end_the_job(waiting: Waiting, tmp_path: Path) -> None:
    _, others = deal(waiting.trio, waiting.request, tmp_path / "again")
    waiting.add("lender")
    waiting.add("payments", others["payments"])
    view = ended(waiting.trio.payments.client, waiting.job)
    assert view.error is not None
    assert view.error.code == "CT-2148"


# Requests that are turned away


def test_the_dealer_checks_what_it_is_asked_for(patient: Waiting, tmp_path: Path) -> None:
    hub, request = patient.trio.hub.client, patient.request

    def turned_away(code: str, **changes: Any) -> None:
        with refused(code):
            hub.deal(json.dumps({**request, **changes}), tmp_path / "never")

    turned_away("CT-5072", more=1)
    turned_away("CT-5072", plan="sha256:0")
    turned_away("CT-5051", approvals=[request["approvals"][0]])
    turned_away(
        "CT-4014", approvals=[request["approvals"][0], {**request["approvals"][1], "signature": "00"}]
    )
    turned_away("CT-4010", plan="sha256:" + "0" * 64)
    turned_away("CT-4010", stage=1)
    sizes = [{name: count - 1 for name, count in one.items()} for one in request["facts"]]
    turned_away("CT-4010", facts=sizes)
    turned_away("CT-4011", facts=[dict.fromkeys(one, 10**9) for one in request["facts"]])
    turned_away("CT-5040", proposal={**request["proposal"], "agreement": "sha256:" + "0" * 64})
    # a job that nobody has approved in this form: fewer columns are another plan
    spec = {**request["proposal"]["spec"], "columns": {"payments": ["flow"]}}
    turned_away("CT-4014", proposal={**request["proposal"], "spec": spec})
    with refused("CT-5072"):
        hub.deal("{", tmp_path / "never")
    with refused("CT-5071"):
        patient.trio.payments.client.deal(json.dumps(request), tmp_path / "never")
    assert not (tmp_path / "never").exists()


def test_files_of_an_earlier_dealing_stay(patient: Waiting) -> None:
    folder = patient.files["lender"].parent
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with refused("CT-2149"):
        deal(patient.trio, patient.request, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_that_cannot_be_written(patient: Waiting, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with refused("CT-1121"):
        deal(patient.trio, patient.request, tmp_path / "file")


def test_stages_that_nobody_waits_for(patient: Waiting, trio: Trio) -> None:
    for stage in (0, 1, 7):
        with refused("CT-5070"):
            trio.lender.client.stage_request(patient.job, stage)
    with refused("CT-5050"):
        trio.lender.client.stage_request("ab" * 16, STAGE)
    with refused("CT-5015"):
        trio.hub.client.dealing("nothing")


def test_an_agreement_that_was_revoked_is_not_dealt_for_any_more(patient: Waiting, tmp_path: Path) -> None:
    agreement = patient.request["proposal"]["agreement"]
    patient.trio.payments.client.revoke_agreement(agreement)
    deadline = time.monotonic() + 10
    while patient.trio.hub.client.agreement(agreement).state != "revoked":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with refused("CT-1622"):
        patient.trio.hub.client.deal(json.dumps(patient.request), tmp_path / "never")
