"""Nodes of their own whose keys are encrypted: a job, and what their workers can be seen to have."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.crypto import Identity
from coterie.ledger import read_entries, verify
from coterie.node.messages import Hello, HelloAnswer
from coterie.node.passphrase import CREDENTIAL, VARIABLE, PassphraseOf
from coterie.wire import KeptClient, PeerAddress
from tests.crypto.test_keyfile import forms, search
from tests.installed import as_installed
from tests.node.conftest import BEHAVIOUR, CUSTOMERS, Daemon, Trio, ended, refused, write_tables

SECRET = "lender's six random words here"
OTHER = "payments' six random words here"
STEPS = "[align, split, fill, standardize, logistic, evaluate]"


def command(home: Path, *words: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """``coterie --home HOME …`` without a terminal."""
    line = [sys.executable, "-c", "import sys; from coterie.cli import main; sys.exit(main())"]
    return subprocess.run(
        [*line, "--home", str(home), *words],
        input=given,
        env=as_installed() | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


SECRETS: dict[str, list[bytes]] = {}
"""By party: what must be in no file of its home, and nowhere else."""


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    """The lender has a file with its passphrase, the payment platform a variable of the environment."""
    base = tmp_path_factory.mktemp("keys")
    hub, lender, payments = Daemon(base / "hub", "hub"), Daemon(base / "lender"), Daemon(base / "payments")
    made = Trio(hub=hub, lender=lender, payments=payments, data=base / "data")
    (base / "lender.pass").write_text(f"{SECRET}\n")
    with (lender.home / "node.yaml").open("a") as settings:
        settings.write(f"passphrase: {base / 'lender.pass'}\n")
    for daemon, secret in ((lender, SECRET), (payments, OTHER)):
        SECRETS[daemon.name] = [*forms(daemon.home), secret.encode()]
    (base / "lender.pass").chmod(0o600)
    told = command(lender.home, "node", "protect", "--passphrase-file", str(base / "lender.pass"))
    assert told.returncode == 0, told.stderr
    Identity.protect(payments.home, bytes, OTHER.encode())
    try:
        with pytest.MonkeyPatch.context() as patch:
            hub.start()
            lender.start()
            patch.setenv(VARIABLE, OTHER)
            payments.start()
        for daemon in made.all:
            daemon.await_up()
        for inviter, guest in ((lender, payments), (hub, lender), (hub, payments)):
            guest.client.accept(str(inviter.client.invite(hours=1).text))
        write_tables(made.data)
        lender.client.add_dataset(CUSTOMERS, made.data)
        payments.client.add_dataset(BEHAVIOUR, made.data)
        yield made
        for daemon in made.all:
            daemon.client.close()
            assert daemon.stop() == 0
    finally:
        for daemon in made.all:
            daemon.client.close()
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()


def test_a_job_runs_and_no_secret_is_seen(trio: Trio) -> None:
    agreement = trio.agree(max_runs="100")
    job = trio.lender.client.submit(trio.job(agreement, STEPS))
    for daemon in (trio.lender, trio.payments):
        worker = daemon.worker()
        shown = b"".join(Path(f"/proc/{worker}/{name}").read_bytes() for name in ("environ", "cmdline"))
        assert b"coterie.node.nursery" in shown
        assert b"COTERIE_PASSPHRASE" not in shown
        assert not any(needle in shown for needle in SECRETS[daemon.name])
        limits = Path(f"/proc/{worker}/limits").read_text()
        assert "Max core file size        0                    0" in limits
    assert ended(trio.lender.client, job.id, 60).state == "done"
    for daemon in (trio.lender, trio.payments):
        assert (daemon.home / "node.log").stat().st_size > 0
        assert search(daemon.home, SECRETS[daemon.name]) == []


def test_the_wrong_passphrase_is_told_and_changes_nothing(trio: Trio) -> None:
    home = trio.payments.home
    before = {path: path.read_bytes() for path in (home / "identity").iterdir()}
    for words, environment, code in (
        (("node", "unprotect"), {}, "CT-1107"),
        (("node", "unprotect"), {VARIABLE: SECRET}, "CT-1108"),
    ):
        told = command(home, *words, **environment)
        assert (told.returncode, code in told.stderr) == (1, True), told.stderr
        assert SECRET not in told.stdout + told.stderr
    assert before == {path: path.read_bytes() for path in (home / "identity").iterdir()}


def test_where_a_passphrase_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with refused("CT-1107"):
        PassphraseOf(None)()
    monkeypatch.setenv(VARIABLE, "of the environment")
    assert PassphraseOf(None)() == b"of the environment"
    assert VARIABLE not in os.environ  # what is started from here has it no more
    (tmp_path / CREDENTIAL).write_text("a credential\n")
    (tmp_path / CREDENTIAL).chmod(0o440)  # as systemd hands it over, with an access list
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert PassphraseOf(None)() == b"a credential"
    (tmp_path / "file").write_text("of a file\n")
    (tmp_path / "file").chmod(0o600)
    assert PassphraseOf(tmp_path / "file")() == b"of a file"
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    (tmp_path / "file").chmod(0o640)
    with refused("CT-1107"):
        PassphraseOf(tmp_path / "file")()


def test_a_revoked_key_counts_nowhere_any_more(trio: Trio) -> None:
    lender, payments = trio.lender.client, trio.payments.client
    agreement = trio.agree(max_runs="100")
    host, _, port = trio.lender.address.rpartition(":")
    there = PeerAddress(Identity.public_of(trio.lender.home), host, int(port))
    thief = KeptClient(Identity.load(trio.payments.home, OTHER.encode))
    loop = asyncio.new_event_loop()

    def call() -> HelloAnswer:
        return loop.run_until_complete(thief.call(there, "hello", Hello(), HelloAnswer))

    assert call().name == "lender"
    job = lender.submit(trio.job(agreement, STEPS))
    trio.lender.worker()
    lender.revoke_peer("payments", "the disk was stolen")
    view = ended(lender, job.id)
    assert (view.state, view.error and view.error.code) == ("cancelled", "CT-5140")
    deadline = time.monotonic() + 60
    while trio.lender.workers():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    with refused("CT-1220"):
        call()  # on the connection that was open
    with refused("CT-1221"):
        call()
    for restart in (False, True):
        if restart:
            assert trio.lender.stop() == 0
            trio.lender.start()
            trio.lender.await_up()
        assert lender.agreement(agreement.id).state == "suspended"
        assert [one.name for one in lender.peers()] == ["hub"]
        with refused("CT-5140"):
            lender.submit(trio.job(agreement))
        with refused("CT-5140"):
            payments.accept(str(lender.invite(hours=1).text))
    with refused("CT-1221"):
        call()
    loop.close()
    (entry,) = read_entries(trio.lender.home / "ledger", "key")
    assert entry.body["event"] == "peer revoked"
    assert entry.body["fingerprint"] == Identity.public_of(trio.payments.home).fingerprint
    assert verify(trio.lender.home / "ledger").ok
