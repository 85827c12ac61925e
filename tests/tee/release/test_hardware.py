"""Releases to hardware: a forged chip under a root of our own, and real evidence that is not ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.tee.documents.exchange import ReleaseRequest, release_info
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.store import EndorsementStore
from coterie.tee.release.releaser import Releaser
from tests.tee import forge
from tests.tee.joint import DRAFT, Runner, World
from tests.tee.material import INTEL_TIME, intel, needs_material

SNP = {"measurement": "11" * 48}
TDX = dict.fromkeys(("mr_td", "rtmr0", "rtmr1", "rtmr2", "rtmr3"), "00" * 48)
LOWEST = {"fmc": 1, "bootloader": 2, "tee": 3, "snp": 4, "microcode": 200}


def terms(**policy: Any) -> str:
    """The draft for hardware."""
    said = {"types": ["snp", "tdx"], "chips": "any", "minimum_svns": {"snp-turin": LOWEST}} | policy
    text = re.sub(r"not_before: .*", "not_before: 2025-01-01T00:00:00Z", DRAFT)
    text = re.sub(r"platform: .*", f"platform: {said}".replace("True", "true"), text)
    return re.sub(r"measurements: .*", f"measurements: {{snp: [{SNP}], tdx: [{TDX}]}}", text)


def hardware(home: Path, who: dict[str, Identity], when: datetime, **policy: Any) -> World:
    sets = {"snp": [SNP], "tdx": [TDX]}
    world = World(home, who, terms(**policy), assurance="hardware", measurements=sets)
    world.clock.now = when
    return world


@pytest.fixture
def world(tmp_path: Path, who: dict[str, Identity]) -> Iterator[World]:
    made = hardware(tmp_path, who, forge.NOW)
    yield made
    made.close()


def code(call: Callable[..., object], *arguments: Any) -> str:
    with pytest.raises(CoterieError) as caught:
        call(*arguments)
    return caught.value.code


def told(world: World) -> str:
    *_, last = world.ledgers["lender"].entries("refusal")
    return str(last.body["reason"])


def started(runner: Runner, nonce: str, **changes: Any) -> forge.SnpPlatform:
    """A chip that has started the run, and reports over the binding."""
    patches = {0x50: runner.binding(nonce).report_data(), 0xC0: runner.case.manifest.digest_bytes}
    return replace(forge.SnpPlatform(crl_number=5, patches=patches), **changes)


def ask(world: World, releaser: Releaser, runner: Runner, **changes: Any) -> Any:
    nonce = releaser.challenge(world.case.job).nonce
    chip = started(runner, nonce, **changes)
    request = ReleaseRequest(
        binding=runner.binding(nonce), evidence=chip.evidence(), endorsements=chip.endorsements()
    )
    return releaser.release(ReleaseRequest.parse(request.to_bytes()))


@pytest.fixture
def releaser(world: World) -> Releaser:
    made = world.restarted(roots=forge.SnpPlatform().roots())
    made.admit(world.case)
    return made


@pytest.fixture
def runner(world: World) -> Runner:
    return Runner(world.case, world.attester)


def test_hardware_gets_the_key(world: World, releaser: Releaser, runner: Runner) -> None:
    release = ask(world, releaser, runner)
    info = release_info("hardware", release.grant, release.job, release.nonce)
    assert runner.key.unwrap(release.wrapped, info) == world.secrets["lender"]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"policy": 0x30000 | 1 << 19}, "CT-2240", "debug"),
    ({"policy": 0x30000 | 1 << 18}, "CT-2240", "migration"),
    ({"vmpl": 1}, "CT-2240", "VMPL"),
    ({"tcb": LOWEST | {"microcode": 199}}, "CT-2240", "security versions"),
    ({"revoked": True}, "CT-2239", ""),
    ({"crl_number": None}, "CT-2240", "revocation"),
    ({"crl_issued": forge.NOW - timedelta(days=40)}, "CT-2236", ""),
    ({"hwid": b"\x09" * 8}, "CT-2237", ""),
]


@pytest.mark.parametrize(("change", "expected", "reason"), REFUSED)
def test_hardware_that_is_not_good_enough(
    world: World, releaser: Releaser, runner: Runner, change: dict[str, Any], expected: str, reason: str
) -> None:
    assert code(lambda: ask(world, releaser, runner, **change)) == expected
    assert reason in told(world)


def test_collateral_that_was_rolled_back(world: World, releaser: Releaser, runner: Runner) -> None:
    newer = forge.SnpPlatform(crl_number=6)
    store = EndorsementStore(world.home / "endorsements")
    store.verify(newer.evidence(), newer.endorsements(), forge.NOW, newer.roots())
    assert code(lambda: ask(world, releaser, runner)) == "CT-2242"
    assert not list(world.ledgers["lender"].entries("release"))
    ask(world, releaser, runner, crl_number=6)


def test_another_chip_than_the_allowed_ones(tmp_path: Path, who: dict[str, Identity]) -> None:
    own = forge.SnpPlatform().chip_id.hex()
    for chips, passes in (([own], True), (["00" * 64], False), ([], False)):
        home = tmp_path / str(len(list(tmp_path.iterdir())))
        home.mkdir()
        world = hardware(home, who, forge.NOW, chips=chips)
        releaser = world.restarted(roots=forge.SnpPlatform().roots())
        releaser.admit(world.case)
        runner = Runner(world.case, world.attester)
        if passes:
            ask(world, releaser, runner)
        else:
            assert code(lambda: ask(world, releaser, runner)) == "CT-2240"  # noqa: B023
            assert "chip" in told(world)
        world.close()


def test_simulated_evidence_under_a_hardware_policy(world: World, releaser: Releaser, runner: Runner) -> None:
    """The host answers for the runner with a platform that it simulates, said and unsaid."""
    for binding in ({}, {"assurance": "simulated"}):
        made = runner.binding(releaser.challenge(world.case.job).nonce, **binding)
        evidence = runner.attester.quote(made.report_data())
        assert code(releaser.release, ReleaseRequest(binding=made, evidence=evidence)) == "CT-2278"
        assert "assurance" in told(world)


@needs_material
def test_real_evidence_of_another_run_and_its_collateral(tmp_path: Path, who: dict[str, Identity]) -> None:
    """A TDX quote that verifies is bound to something else. Expired or rolled back, it gets not so far."""
    world = hardware(tmp_path, who, INTEL_TIME)
    releaser = world.restarted(roots=Roots())
    releaser.admit(world.case)
    runner = Runner(world.case, world.attester)
    evidence, endorsements = intel("tdx_quote")

    def asked() -> ReleaseRequest:
        binding = runner.binding(releaser.challenge(world.case.job).nonce)
        return ReleaseRequest(binding=binding, evidence=evidence, endorsements=endorsements)

    assert code(releaser.release, asked()) == "CT-2240"
    assert "report data" in told(world)
    world.clock.now = INTEL_TIME + timedelta(days=60)
    assert code(releaser.release, asked()) == "CT-2236"
    world.clock.now = INTEL_TIME
    store = EndorsementStore(world.home / "endorsements")
    claims, _ = store.verify(evidence, endorsements, INTEL_TIME, Roots())
    raised = {name: number + 1 for name, number in claims.marks.items()}
    store.remember(evidence, endorsements, claims.model_copy(update={"marks": raised}))
    assert code(releaser.release, asked()) == "CT-2242"
    assert not list(world.ledgers["lender"].entries("release"))
    world.close()
