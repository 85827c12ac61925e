"""An owner that is offline: its key is with a keeper at the job's host, and its node is stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from coterie.crypto import now
from coterie.jobs import RunRecord, replay
from coterie.ledger import verify
from coterie.node import AgreementView, JobView
from coterie.tee import KEEPER_MODULE, RUNNER_MODULE, Roots, Sandbox, record_path
from coterie.tee.evidence.attest.home import SimulatedHome
from tests.cli.conftest import call
from tests.images import why_not
from tests.node.attested_job import TEE
from tests.node.conftest import BEHAVIOUR, COMMON, CUSTOMERS, TERMS, Daemon, ended, refused, write_tables

JOB = """\
name: with an owner that is offline
agreement: {agreement}
engine: tee
datasets: {{lender: customers, payments: behaviour, telecom: usage}}
kept: [telecom]
steps: {steps}
"""
REFERENCE = """\
version: coterie/reference/v1
measurements: {{sim: [{{measurement: "{measurement}"}}]}}
platform: {{types: [sim], simulated: true, chips: any}}
"""
RUNS = 2


def command(home: Path, *words: str | Path) -> dict[str, Any]:
    """What a command of a node says, as JSON."""
    done = call("--home", str(home), "--json", *map(str, words))
    assert done.status == 0, done.err
    return json.loads(done.out) if done.out.startswith("{") else {}


@dataclass
class Kept:
    """The parties, and the keeper at the hub."""

    daemons: dict[str, Daemon]
    base: Path
    image: Path
    keeper: subprocess.Popen[bytes] | None = None
    made: int = 0
    files: dict[str, Path] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Daemon:
        return self.daemons[name]

    def file(self, name: str) -> Path:
        self.made += 1
        return self.base / f"{self.made}-{name}.json"

    def start_keeper(self) -> None:
        line = [sys.executable, "-c", "import sys; from coterie.cli import main; sys.exit(main())"]
        line += ["--home", str(self.hub.home), "--json", "tee", "keeper", "start"]
        self.keeper = subprocess.Popen(
            [*line, "--image", str(self.image.parent)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self.keeper.stdout is not None
        assert self.keeper.stdout.readline(), "the keeper has not started"

    def stop_keeper(self) -> None:
        if self.keeper is not None:
            self.keeper.send_signal(signal.SIGTERM)
            assert self.keeper.stdout is not None
            self.keeper.stdout.read()
            self.keeper.stdout.close()
            self.keeper.wait(30)
            self.keeper = None

    def agree(self, *, usage: bool = True, models: str = "lender, payments") -> AgreementView:
        """Of all three, with results for those who are online alone."""
        self.made += 1
        root = SimulatedHome(self.hub.home / "tee" / "simulated", now()).pin
        measured = Sandbox(self.image, RUNNER_MODULE).measure().measurement.hex()
        text = TERMS.replace("parties: [lender, payments]", "parties: [lender, payments, telecom]")
        text = text.replace("payments: automatic}}", "payments: automatic, telecom: person}}")
        text = text.replace("model, to: [lender, payments]", f"model, to: [{models}]")
        text = text.replace("engines: [mpc]", "engines: [mpc, tee]")
        line = "  - {{name: usage, owner: telecom, id: user, columns: [flow, ratio]}}\n" if usage else ""
        text = text.replace("components:\n", f"{line}components:\n").format(number=self.made)
        text += "\n" + TEE.format(measurement=measured, root=root)
        draft = self.lender.client.draft_agreement(text)
        self.lender.client.offer_agreement(draft.id)
        for name in ("lender", "payments", "telecom"):
            signed = self.daemons[name].client.sign_agreement(draft.id)
        assert not signed.missing
        return signed

    def deposit(self, agreement: AgreementView, runs: int = RUNS) -> dict[str, Any]:
        """By files, as two operators do it."""
        asked, offer, made = self.file("challenge"), self.file("offer"), self.file("deposit")
        words = ("usage", "--agreement", agreement.id)
        command(self.telecom.home, "tee", "keeper", "challenge", *words, "--output", asked)
        command(self.hub.home, "tee", "keeper", "ask", "offer", asked, "--output", offer)
        options = ("--offer", offer, "--runs", str(runs), "--output", made)
        deposited = command(self.telecom.home, "tee", "keeper", "deposit", *words, *options)
        command(self.hub.home, "tee", "keeper", "ask", "deposit", made, "--output", self.file("statement"))
        command(self.hub.home, "sealed", "add", deposited["container"], "--agreement", agreement.id)
        return deposited

    def run(self, agreement: AgreementView, steps: str = "[align]") -> JobView:
        job = self.lender.client.submit(JOB.format(agreement=agreement.id, steps=steps))
        return ended(self.lender.client, job.id, 60)

    def collected(self, deposit: str) -> dict[str, Any]:
        asked, answer = self.file("question"), self.file("answer")
        command(self.telecom.home, "tee", "keeper", "question", deposit, "--output", asked)
        command(self.hub.home, "tee", "keeper", "ask", "collect", asked, "--output", answer)
        return command(self.telecom.home, "tee", "keeper", "collect", answer, "--question", asked)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, runner_image: Path) -> Iterator[Kept]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    base = tmp_path_factory.mktemp("kept")
    made = Kept({name: Daemon(base / name) for name in ("lender", "payments", "telecom")}, base, runner_image)
    made.daemons["hub"] = Daemon(base / "hub", "hub")
    measured = Sandbox(runner_image, KEEPER_MODULE).measure().measurement.hex()
    (base / "keepers.yaml").write_text(REFERENCE.format(measurement=measured))
    for name, line in (
        ("hub", f"tee: {{release: {runner_image}}}"),
        ("telecom", f"keepers: {base / 'keepers.yaml'}"),
    ):
        with (made.daemons[name].home / "node.yaml").open("a") as settings:
            settings.write(line + "\n")
    daemons = list(made.daemons.values())
    try:
        for daemon in daemons:
            daemon.start()
        for daemon in daemons:
            daemon.await_up()
        for number, inviter in enumerate(daemons):
            for guest in daemons[:number]:
                guest.client.accept(str(inviter.client.invite(hours=1).text))
        write_tables(base / "data")
        made.lender.client.add_dataset(CUSTOMERS, base / "data")
        made.payments.client.add_dataset(BEHAVIOUR, base / "data")
        made.telecom.client.add_dataset(BEHAVIOUR.replace("name: behaviour", "name: usage"), base / "data")
        made.start_keeper()
        yield made
    finally:
        made.stop_keeper()
        for daemon in daemons:
            daemon.client.close()
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.stop()


@pytest.fixture
def back(kept: Kept) -> Iterator[None]:
    """Whoever is stopped in a test is there again after it."""
    yield
    come_back(kept)


def come_back(kept: Kept) -> None:
    assert kept.telecom.process is not None
    if kept.telecom.process.poll() is not None:
        kept.telecom.start()
        kept.telecom.await_up()


def codes_of(kept: Kept, job: str) -> set[str | None]:
    """How a job ended at all who took part."""
    views = [ended(kept.daemons[name].client, job) for name in ("lender", "payments", "hub")]
    return {None if view.error is None else view.error.code for view in views}


def test_an_owner_that_is_offline_takes_part(kept: Kept, back: None) -> None:
    agreement = kept.agree()
    made = kept.deposit(agreement)
    assert kept.telecom.stop() == 0

    text = JOB.format(agreement=agreement.id, steps="[align]")
    plan = kept.lender.client.preview(text).document
    assert plan["kept"] == ["telecom"]
    assert "telecom a key keeper at the host does" in plan["transfers"][1]["statement"]["protocol"]
    over = kept.run(agreement)
    assert over.state == "done", over.error
    assert {one.party for one in over.participants} == {"lender", "payments", "hub"}
    folder = kept.base / "results"
    (listed,) = (one for one in over.results if one.kind == "common_ids")
    folder.mkdir()
    kept.lender.client.download(over.id, listed.name, folder / "common.csv")
    assert len((folder / "common.csv").read_text().splitlines()) == COMMON + 1

    come_back(kept)
    told = kept.collected(made["deposit"])
    assert (told["entries"], told["holds"]) == (2, True)
    log = Path(told["folder"])
    assert verify(log).ok
    record = kept.payments.home / "jobs" / over.id / "results" / "run" / "record.json"
    ledgers = [daemon.home / "ledger" for daemon in kept.daemons.values()]
    found = replay(
        RunRecord.parse(record.read_bytes()), Roots(profile="development"), ledgers=[*ledgers, log]
    )
    assert found.ok, [one for one in found.checks if not one.ok]
    assert found.notes == ()
    alone = replay(RunRecord.parse(record.read_bytes()), Roots(profile="development"), ledgers=[log])
    assert alone.ok
    assert any(note.startswith("that telecom chose this keeper") for note in alone.notes)
    assert "release of telecom, by a key keeper" in {one.what for one in found.checks}


def test_no_more_runs_than_were_deposited(kept: Kept, back: None) -> None:
    agreement = kept.agree()
    kept.deposit(agreement, runs=1)
    assert kept.telecom.stop() == 0
    assert kept.run(agreement).state == "done"
    over = kept.run(agreement)
    assert over.error is not None
    assert codes_of(kept, over.id) == {"CT-2280"}


def test_jobs_beyond_the_agreement_and_for_who_takes_no_part(kept: Kept) -> None:
    agreement = kept.agree(models="lender, telecom")
    with refused("CT-4042"):
        kept.lender.client.submit(JOB.format(agreement=agreement.id, steps="[align]"))
    made = kept.deposit(agreement)
    client = kept.lender.client
    with refused("CT-1631"):
        client.submit(JOB.format(agreement=agreement.id, steps="[align, {split: {test: 0.31}}]"))
    text = JOB.format(agreement=agreement.id, steps="[align]")
    with refused("CT-4040"):
        client.submit(text.replace("kept: [telecom]", "kept: [telecom, lender]"))
    with refused("CT-4041"):
        client.submit(text.replace("[align]", "[align, split, fill, standardize, logistic]"))
    asked, offer = kept.file("challenge"), kept.file("offer")
    words = ("usage", "--agreement", agreement.id, "--output", asked)
    command(kept.telecom.home, "tee", "keeper", "challenge", *words)
    command(kept.hub.home, "tee", "keeper", "ask", "offer", asked, "--output", offer)
    with refused("CT-1625"):  # two of the agreement's ten are deposited
        kept.telecom.client.deposit_key(agreement.id, "usage", offer.read_text(), 9, 1)
    with refused("CT-5083"):
        kept.telecom.client.withdraw_key("0" * 64)
    with refused("CT-5082"):
        kept.payments.client.challenge_keeper(agreement.id, "behaviour")
    container = Path(made["container"])
    with refused("CT-5084"):
        client.add_sealed(agreement.id, container, record_path(container))
    with refused("CT-5032"):
        kept.hub.client.add_sealed(kept.agree(usage=False).id, container, record_path(container))
    (file,) = (one.file for one in kept.hub.client.sealed() if one.agreement == agreement.id)
    kept.hub.client.remove_sealed(file)
    with refused("CT-4043"):
        client.submit(text)


def test_after_a_withdrawal_there_is_no_job(kept: Kept) -> None:
    agreement = kept.agree()
    made = kept.deposit(agreement)
    word = kept.file("withdrawal")
    command(kept.telecom.home, "tee", "keeper", "withdraw", made["deposit"], "--output", word)
    command(kept.hub.home, "tee", "keeper", "ask", "withdraw", word)
    with refused("CT-4042"):
        kept.lender.client.submit(JOB.format(agreement=agreement.id, steps="[align]"))
    assert kept.collected(made["deposit"])["holds"] is False


def test_a_revoked_agreement_ends_the_deposit(kept: Kept) -> None:
    agreement = kept.agree()
    made = kept.deposit(agreement)
    with refused("CT-1630"):
        kept.lender.client.submit(JOB.format(agreement=agreement.id, steps="[align, boosting]"))
    kept.payments.client.revoke_agreement(agreement.id, "enough")
    with refused("CT-1622"):
        kept.lender.client.submit(JOB.format(agreement=agreement.id, steps="[align]"))
    assert kept.collected(made["deposit"])["holds"] is False


def test_a_keeper_that_was_started_again_has_no_key(kept: Kept) -> None:
    agreement = kept.agree()
    kept.deposit(agreement)
    text = JOB.format(agreement=agreement.id, steps="[align]")
    kept.stop_keeper()
    try:
        with refused("CT-2325"):
            kept.lender.client.submit(text)
    finally:
        kept.start_keeper()
    with refused("CT-2328"):
        kept.lender.client.submit(text)
