"""A deposit at a keeper: what its key is released for, how often, until when, and that it is logged first."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from coterie.agreement import Revocation
from coterie.crypto import Identity, timestamp
from coterie.ledger import verify
from coterie.tee.documents.exchange import SECRET, release_info, secret_info
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.evidence.store import EndorsementStore
from coterie.tee.keeper.documents import Withdrawal
from tests.tee.joint import NOW, Runner, sealed
from tests.tee.keeper.local import SHARED, World, code, keepers, released, request


def test_a_key_is_released_for_its_provider_and_logged_before(world: World) -> None:
    custody, deposit = world.kept()
    case = world.case_with(deposit)
    assert custody.admit(case) == case.job
    runner = world.runner(case)
    release = released(custody, runner)
    named = (deposit.grant.digest, case.job, release.nonce)
    assert release.provider == "lender"
    key = runner.key.unwrap(release.wrapped, release_info("simulated", *named))
    assert key == world.secrets["lender"]
    assert release.secret is not None
    info = secret_info(release_info("simulated", *named, SECRET), key)
    assert runner.key.unwrap(release.secret, info) == SHARED
    assert [entry.kind for entry in world.host.stored] == ["grant", "release"]
    assert world.host.stored[-1].body["job"] == case.manifest.job
    assert verify(world.host.store_.log(custody.name)).entries == 2
    archive = {path.stem for path in (world.home / "host" / "archive").iterdir()}
    named_in_log = {str(world.host.stored[0].body["document"]), str(world.host.stored[1].body["evidence"])}
    named_in_log |= set(world.host.stored[1].body["documents"])  # type: ignore[arg-type]
    assert {one.removeprefix("sha256:") for one in named_in_log} <= archive


def test_no_key_lies_at_the_host_or_in_what_is_shown(world: World) -> None:
    custody, deposit = world.kept()
    case = world.case_with(deposit)
    custody.admit(case)
    released(custody, world.runner(case))
    for path in [*(world.home / "host").rglob("*"), *(world.home / "scratch").rglob("*")]:
        if path.is_file():
            for secret in (world.secrets["lender"], SHARED):
                assert secret not in path.read_bytes(), path
                assert secret.hex().encode() not in path.read_bytes(), path
    assert world.secrets["lender"].hex() not in repr(custody) + repr(deposit)
    with pytest.raises(TypeError):
        custody.__reduce__()


def test_no_more_runs_than_the_grant_has(world: World) -> None:
    custody, deposit = world.kept(grant=world.reusable(max_runs=1))
    case = world.case_with(deposit)
    custody.admit(case)
    runner = world.runner(case)
    nonces = [custody.challenge(case.job).nonce for _ in range(2)]
    custody.release(request(runner, nonces[0]))
    assert code(custody.release, request(runner, nonces[1])) == "CT-2280"
    assert code(custody.challenge, case.job) == "CT-2280"
    fields = json.loads(world.manifest.to_bytes()) | {"job": "fe" * 16}
    other = world.case_with(deposit, JobManifest.model_validate(fields))
    custody.admit(other)
    assert code(custody.challenge, other.job) == "CT-2280"
    assert [entry.kind for entry in world.host.stored].count("release") == 1


def test_a_deposited_grant_is_used_up_at_home(world: World) -> None:
    _, deposit = world.kept()
    case = world.case_of(lender=deposit.grant)
    home = world.restarted()
    job = home.admit(case)
    assert code(home.challenge, job) == "CT-2280"
    for path in (world.home / "counters").iterdir():
        path.unlink()
    again = world.restarted()
    again.admit(case)
    assert code(again.challenge, job) == "CT-2280"


def test_a_grant_is_deposited_once_and_unused(world: World) -> None:
    _, deposit = world.kept()
    until = NOW + timedelta(days=1)
    offer = world.custody().offer()
    assert code(world.depositor.deposit, offer, deposit.grant, deposit.record, until) == "CT-2280"
    for path in (world.home / "counters").iterdir():
        path.unlink()
    offer = world.custody().offer()
    assert code(world.depositor.deposit, offer, deposit.grant, deposit.record, until) == "CT-2280"
    releaser = world.restarted()
    fresh = world.reusable(max_runs=2)
    case = world.case_of(lender=fresh)
    job = releaser.admit(case)
    releaser.release(request(world.runner(case), releaser.challenge(job).nonce))
    offer = world.custody().offer()
    assert code(world.depositor.deposit, offer, fresh, deposit.record, until) == "CT-2280"


def test_the_provider_logs_before_it_deposits(world: World) -> None:
    real = world.ledgers["lender"]

    class Full:
        def append(self, kind: Any, body: Any) -> Any:
            if kind == "deposit":
                raise OSError("no space")
            return real.append(kind, body)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    world.node = world.node._replace(log=Full())
    world.depositor = world.depositor_of()
    offer = world.custody().offer()
    with pytest.raises(OSError, match="space"):
        world.deposit(offer)


def test_what_the_host_does_not_store_is_not_released_and_is_spent(world: World) -> None:
    custody, deposit = world.kept(grant=world.reusable(max_runs=2))
    case = world.case_with(deposit)
    custody.admit(case)
    runner = world.runner(case)
    nonce = custody.challenge(case.job).nonce
    world.host.fails = lambda what: what == "release"
    assert code(custody.release, request(runner, nonce)) == "CT-2331"
    assert code(custody.challenge, case.job) == "CT-2331"  # it is still not stored
    assert code(custody.admit, case) == "CT-2331"
    world.host.fails = lambda what: False
    assert code(custody.challenge, case.job) == "CT-2277"  # as after a crash
    custody.admit(case)
    released(custody, runner)
    assert code(custody.challenge, case.job) == "CT-2280"
    kinds = [entry.kind for entry in world.host.stored]
    assert kinds == ["grant", "release", "refusal", "release", "refusal"]
    assert verify(world.host.store_.log(custody.name)).ok


@pytest.mark.parametrize("kind", ["archive", "grant"])
def test_a_deposit_that_the_host_does_not_store_is_not_kept(world: World, kind: str) -> None:
    custody = world.custody()
    deposit = world.deposit(custody.offer())
    world.host.fails = lambda what: what == kind
    assert code(custody.accept, deposit) == "CT-2331"
    assert not custody.holds
    world.host.fails = lambda what: False
    assert code(custody.challenge, "sha256:" + "00" * 32) == "CT-2328"
    assert custody.accept(deposit).holds


def test_evidence_that_the_host_does_not_archive_releases_nothing(world: World) -> None:
    custody, deposit = world.kept()
    case = world.case_with(deposit)
    custody.admit(case)
    nonce = custody.challenge(case.job).nonce
    world.host.fails = lambda what: what == "archive"
    assert code(custody.release, request(world.runner(case), nonce)) == "CT-2331"
    assert [entry.kind for entry in world.host.stored] == ["grant", "refusal"]


def test_a_withdrawn_deposit_has_no_key(world: World, who: dict[str, Identity]) -> None:
    custody, deposit = world.kept()
    case = world.case_with(deposit)
    custody.admit(case)
    nonce = custody.challenge(case.job).nonce
    other = world.kept(grant=world.reusable(max_runs=1))[0]
    moment = timestamp(NOW)
    stranger = Withdrawal.sign(who["payments"], {"deposit": custody.name, "created": moment})
    forged = stranger.model_copy(update={"owner": deposit.owner})
    assert code(custody.withdraw, stranger) == "CT-2327"
    assert code(custody.withdraw, forged) == "CT-1101"
    assert code(custody.withdraw, world.depositor.withdraw(other.name)) == "CT-2327"
    key = custody._kept.key  # type: ignore[union-attr]
    withdrawal = world.depositor.withdraw(custody.name)
    custody.withdraw(withdrawal)
    assert key == bytes(32)
    assert not custody.holds
    assert code(custody.release, request(world.runner(case), nonce)) == "CT-2329"
    assert code(custody.challenge, case.job) == "CT-2329"
    assert code(custody.admit, case) == "CT-2329"
    assert code(custody.accept, deposit) == "CT-2327"
    custody.withdraw(withdrawal)  # twice is allowed
    assert [entry.kind for entry in world.host.stored if entry.kind == "revocation"] == ["revocation"]
    assert [e.body["keeper"] for e in world.ledgers["lender"].entries("revocation")] == [
        other.name,
        custody.name,
    ]
    assert other.holds
    assert code(world.custody().withdraw, withdrawal) == "CT-2328"


def test_a_withdrawal_holds_though_the_host_does_not_store_it(world: World) -> None:
    custody, deposit = world.kept()
    world.host.fails = lambda what: True
    assert code(custody.withdraw, world.depositor.withdraw(custody.name)) == "CT-2331"
    assert not custody.holds
    world.host.fails = lambda what: False
    assert code(custody.admit, world.case_with(deposit)) == "CT-2329"
    assert world.host.stored[-1].kind == "revocation"


def test_a_revoked_agreement_ends_the_deposit(world: World, who: dict[str, Identity]) -> None:
    custody, deposit = world.kept()
    revoked = Revocation.make(world.agreement, who["payments"], "it has ended", now=NOW)
    assert code(custody.revoke, revoked.model_copy(update={"party": "lender"})) == "CT-1606"
    custody.revoke(revoked)
    assert code(custody.admit, world.case_with(deposit)) == "CT-2329"
    assert code(custody.revoke, revoked) == "CT-2329"
    world.book.revocations.append(revoked)
    offer = world.custody().offer()
    assert code(world.deposit, offer) == "CT-1622"


def test_an_expired_deposit_is_wiped_asked_or_not(world: World) -> None:
    custody, deposit = world.kept(until=NOW + timedelta(hours=1))
    case = world.case_with(deposit)
    custody.admit(case)
    key = custody._kept.key  # type: ignore[union-attr]
    world.wall.now += timedelta(minutes=59, seconds=59)
    custody.tick()
    assert custody.holds
    world.wall.now += timedelta(seconds=1)
    custody.tick()
    assert not custody.holds
    assert key == bytes(32)
    assert code(custody.challenge, case.job) == "CT-2329"
    assert [entry.kind for entry in world.host.stored] == ["grant", "revocation"]
    late = world.custody()
    short = world.deposit(late.offer(), until=NOW + timedelta(minutes=30), grant=world.reusable(max_runs=1))
    assert code(late.accept, short) == "CT-2329"


def test_a_clock_that_is_set_back_revives_nothing(world: World) -> None:
    custody, deposit = world.kept(until=NOW + timedelta(hours=1))
    case = world.case_with(deposit)
    custody.admit(case)
    nonce = custody.challenge(case.job).nonce
    world.wall.now -= timedelta(days=1)
    world.steady.seconds += 301
    assert code(custody.release, request(world.runner(case), nonce)) == "CT-2245"
    world.steady.seconds += 3600
    assert code(custody.challenge, case.job) == "CT-2329"


def test_a_host_that_is_behind_the_provider_is_wrong(world: World) -> None:
    world.wall.now = NOW - timedelta(days=200)  # before the agreement begins
    custody, deposit = world.kept(until=NOW + timedelta(hours=1))
    case = world.case_with(deposit)
    custody.admit(case)
    released(custody, world.runner(case))
    assert world.host.stored[0].time >= timestamp(NOW)


def test_jobs_of_another_agreement_or_data_set(world: World, who: dict[str, Identity]) -> None:
    custody, deposit = world.kept()
    case = world.case_with(deposit)
    fields = json.loads(world.manifest.to_bytes()) | {"agreement": "sha256:" + "ab" * 32}
    assert code(custody.admit, replace(case, manifest=JobManifest.model_validate(fields))) == "CT-2330"
    reason = world.host.stored[-1]
    assert (reason.kind, reason.body["code"]) == ("refusal", "CT-2330")
    # The same agreement, and another sealing of the data: the grant is not for it.
    record, _ = sealed(who["lender"])
    assert code(custody.admit, replace(case, records=(record, case.records[1]))) == "CT-2275"
    # A checkpoint of another entry than the one that was deposited.
    moved = deposit.logged.model_copy(update={"entry": deposit.logged.entry - 1})
    logged = (moved, case.checkpoint.logged[1])
    checkpoint = case.checkpoint.model_copy(update={"logged": logged})
    assert code(custody.admit, replace(case, checkpoint=checkpoint)) == "CT-2279"


def test_a_job_beyond_the_grant(world: World) -> None:
    custody, deposit = world.kept()
    fields = json.loads(world.manifest.to_bytes())
    fields["steps"][1]["params"]["depth"] = 5  # the deposited grant has it at 4
    case = world.case_with(deposit, JobManifest.model_validate(fields))
    assert code(custody.admit, case) == "CT-2275"


def test_runners_are_appraised_as_at_home(world: World) -> None:
    custody, deposit = world.kept()
    case = world.case_with(deposit)
    custody.admit(case)
    other = world.attester_of(bytes(32), case.manifest.digest_bytes)
    nonce = custody.challenge(case.job).nonce
    assert code(custody.release, request(Runner(case, other), nonce)) == "CT-2240"
    runner = world.runner(case)
    nonce = custody.challenge(case.job).nonce
    asked = request(runner, nonce)
    custody.release(asked)
    assert code(custody.release, asked) == "CT-2245"


def test_the_operators_own_reference_values_go_with_the_deposit(world: World) -> None:
    world.runners = keepers(bytes(48))
    world.depositor = world.depositor_of()
    custody, deposit = world.kept()
    case = world.case_with(deposit)
    custody.admit(case)
    nonce = custody.challenge(case.job).nonce
    assert code(custody.release, request(world.runner(case), nonce)) == "CT-2240"


def test_the_marks_of_endorsements_go_with_the_deposit(world: World) -> None:
    EndorsementStore(world.home / "endorsements").raise_marks({"tdx-tcb": 17})
    world.kept()
    assert EndorsementStore(world.home / "scratch" / "1").marks() == {"tdx-tcb": 17}
