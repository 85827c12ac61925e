"""A host that starts a machine for every run: the same results, and who is told when no machine comes up."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from coterie.tee import RUNNER_MODULE
from tests.node.attested.conftest import settle
from tests.node.attested.world import BOTH, COMMON, World
from tests.node.conftest import Daemon

ROOT = Path(__file__).resolve().parents[3]
PARTIES = (*BOTH, "carrier")


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory, five: World) -> Iterator[World]:
    """A carrier, which brings no data and hosts. Its machines are stand-ins; a file says that none starts."""
    base = tmp_path_factory.mktemp("carried")
    inside, broken = base / "inside", base / "broken"
    inside.mkdir()
    stand_in = [sys.executable, "-m", "tests.tee.image.stand_in", "{socket}", str(five.image), str(inside)]
    program = f'test -e {broken} && echo "coterie: no kernel" && exit 1; cd {ROOT} && exec "$@"'
    machine = ["sh", "-c", program, "sh", *stand_in, "-", "{job}", RUNNER_MODULE]
    carrier = Daemon(base / "carrier")
    settle(carrier.home, tee={"release": str(five.image), "machine": machine})
    carrier.start()
    try:
        carrier.await_up()
        for party in BOTH:
            carrier.client.accept(str(five.daemons[party].client.invite(hours=1).text))
        yield replace(five, daemons={**five.daemons, "carrier": carrier})
        carrier.client.close()
        assert carrier.stop() == 0
    finally:
        if carrier.process is not None and carrier.process.poll() is None:
            carrier.process.kill()
            carrier.process.wait()


def test_a_job_in_a_machine(carried: World) -> None:
    agreement = carried.agree(PARTIES, owners=BOTH, host="carrier")
    job = carried.submit(agreement)
    carried.done(job, *PARTIES)
    found = carried.files("lender", job)["align/common_ids.csv"].decode().splitlines()
    theirs = {name.lower() for name in carried.tables["flows"]["client"]}
    common = [name.lower() for name in carried.tables["loans"]["customer"] if name.lower() in theirs]
    assert sorted(line.strip('"') for line in found[1:]) == sorted(common)
    assert len(common) == COMMON


def test_a_machine_that_does_not_start_ends_the_job_everywhere(carried: World) -> None:
    agreement = carried.agree(PARTIES, owners=BOTH, host="carrier")
    broken = carried.daemons["carrier"].home.parent / "broken"
    broken.touch()
    try:
        job = carried.submit(agreement)
        carried.failed(job, "CT-2305", "carrier", *PARTIES)
    finally:
        broken.unlink()
