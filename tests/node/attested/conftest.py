"""The daemons of tests of attested jobs: introduced once for all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from coterie.agreement import Terms
from coterie.ledger import Entry, read_entries
from coterie.node import AgreementView, JobView
from tests.node.attested.world import DATASETS, SCORE, World, description
from tests.node.conftest import Daemon, Trio

PARTIES = ("lender", "payments", "telecom")
EVERYBODY = (*PARTIES, "hub")


@pytest.fixture(scope="session")
def five(tmp_path_factory: pytest.TempPathFactory, trio: Trio, measurement: str) -> Iterator[World]:
    """The trio, and two more."""
    release = trio.hub.home.parent / "release"
    base = tmp_path_factory.mktemp("attested")
    more = telecom, bank = Daemon(base / "telecom"), Daemon(base / "bank")
    settle(telecom.home, tee={"platform": "swtpm", "release": str(release)})
    settle(bank.home, profile="production")
    for daemon in more:
        daemon.start()
    daemons = {one.name: one for one in (*trio.all, *more)}
    world = World(daemons, base / "data", release, bytes.fromhex(measurement))
    world.data.mkdir()
    try:
        for daemon in more:
            daemon.await_up()
        introduce(world)
        for party, dataset in DATASETS.items():
            path = world.write(dataset)
            world.daemons[party].client.add_dataset(description(dataset, path.name), world.data)
        yield world
        for daemon in more:
            daemon.client.close()
            daemon.ask_to_stop()
        assert [daemon.stop() for daemon in more] == [0, 0]
    finally:
        for daemon in more:
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.process.kill()
                daemon.process.wait()
        shutil.rmtree(base / "data")


def settle(home: Path, **settings: object) -> None:
    """Add lines to a node's settings."""
    with (home / "node.yaml").open("a") as file:
        file.write(yaml.safe_dump(settings))


def introduce(world: World) -> None:
    """Everybody who does not know somebody yet."""
    for guest in (world.telecom, world.bank):
        for inviter in (world.hub, world.lender, world.payments):
            guest.client.accept(str(inviter.client.invite(hours=1).text))
    world.bank.client.accept(str(world.telecom.client.invite(hours=1).text))


@dataclass(frozen=True)
class Scored:
    """A job with every component, done."""

    world: World
    agreement: AgreementView
    job: JobView

    def entries(self, party: str) -> list[Entry]:
        """Of this job in a party's ledger."""
        ledger = self.world.daemons[party].home / "ledger"
        return [one for one in read_entries(ledger) if one.body.get("job") == self.job.id]

    @property
    def terms(self) -> Terms:
        return Terms.model_validate(self.agreement.terms)


@pytest.fixture(scope="session")
def scored(five: World) -> Scored:
    """A lender and a payment platform bring data, a telecom only receives, a hub is the host."""
    agreement = five.agree(PARTIES, owners=("lender", "payments"))
    job = five.submit(agreement, SCORE, receivers=["telecom"])
    five.done(job, *EVERYBODY)
    return Scored(five, agreement, five.lender.client.job(job.id))
