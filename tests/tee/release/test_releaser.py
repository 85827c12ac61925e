"""A key leaves for attested code that runs the agreed job, and for nothing else."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coterie.agreement import Revocation
from coterie.crypto import Identity, canonical, timestamp
from coterie.errors import CoterieError
from coterie.ledger import Ledger
from coterie.tee.container.wrapping import RunnerKey
from coterie.tee.documents.exchange import Challenge, Release, ReleaseRequest, release_info
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.evidence.model import Endorsements, Evidence
from coterie.tee.evidence.reference import ReferenceValues
from coterie.tee.evidence.roots import Roots
from coterie.tee.release.case import Case
from coterie.tee.release.counters import FileCounters, Spent
from coterie.tee.release.releaser import MOST_REFUSALS, Releaser
from tests.tee.joint import DRAFT, MEASUREMENT, NOW, Runner, World, resigned, sealed
from tests.tee.material import flipped, intel, needs_material, nitro, snp


def code(call: Callable[..., object], *arguments: Any) -> str:
    with pytest.raises(CoterieError) as caught:
        call(*arguments)
    return caught.value.code


@pytest.fixture
def runner(world: World) -> Runner:
    return Runner(world.case, world.attester)


@pytest.fixture
def job(world: World) -> str:
    return world.releaser.admit(world.case)


def request(runner: Runner, nonce: str, **changes: Any) -> ReleaseRequest:
    binding = runner.binding(nonce, **changes)
    return ReleaseRequest(binding=binding, evidence=runner.attester.quote(binding.report_data()))


def refusals(world: World) -> list[dict[str, Any]]:
    return [dict(entry.body) for entry in world.ledgers["lender"].entries("refusal")]


def releases(world: World) -> int:
    return sum(1 for _ in world.ledgers["lender"].entries("release"))


def test_the_runner_gets_the_key(world: World, runner: Runner, job: str) -> None:
    challenge = world.releaser.challenge(job)
    assert Challenge.parse(challenge.to_bytes()) == challenge
    asked = request(runner, challenge.nonce)
    assert ReleaseRequest.parse(asked.to_bytes()) == asked
    release = world.releaser.release(asked)
    assert Release.parse(release.to_bytes()) == release
    grant = world.grants["lender"].digest
    info = release_info("simulated", grant, job, challenge.nonce)
    assert info == b"".join(
        [
            b"coterie/release/v1\0simulated\0",
            bytes.fromhex(grant[7:]),
            bytes.fromhex(job[7:]),
            bytes.fromhex(challenge.nonce),
        ]
    )
    assert runner.key.unwrap(release.wrapped, info) == world.secrets["lender"]
    hardware = release_info("hardware", grant, job, challenge.nonce)
    assert code(runner.key.unwrap, release.wrapped, hardware) == "CT-2211"
    assert code(RunnerKey.generate().unwrap, release.wrapped, info) == "CT-2211"


def test_the_release_is_in_the_ledger_with_what_an_audit_needs(
    world: World, runner: Runner, job: str
) -> None:
    asked = request(runner, world.releaser.challenge(job).nonce)
    world.releaser.release(asked)
    (entry,) = world.ledgers["lender"].entries("release", world.manifest.job)
    archive = world.home / "archive"
    assert Evidence.parse((archive / str(entry.body["evidence"])).read_bytes()) == asked.evidence
    assert entry.body["binding"] == asked.binding.model_dump(mode="json")
    assert (entry.body["run"], entry.body["platform"]) == (1, "sim")
    listed: Any = entry.body["documents"]
    documents = {(archive / name).read_bytes() for name in listed}
    case = world.case
    assert documents == {
        canonical(one) for one in (case.manifest, case.checkpoint, *case.grants, *case.records)
    }
    told = (world.home / "ledger-lender" / "ledger.jsonl").read_bytes()
    assert world.secrets["lender"].hex().encode() not in told


def test_a_nonce_is_good_once(world: World, runner: Runner, job: str) -> None:
    asked = request(runner, world.releaser.challenge(job).nonce)
    world.releaser.release(asked)
    assert code(world.releaser.release, asked) == "CT-2245"
    assert refusals(world)[-1]["code"] == "CT-2245"
    assert code(world.releaser.release, request(runner, "ab" * 32)) == "CT-2245"
    late = world.releaser.challenge(job).nonce
    world.clock.now += timedelta(seconds=301)
    assert code(world.releaser.release, request(runner, late)) == "CT-2245"
    assert releases(world) == 1


CHANGES: dict[str, Any] = {
    "provider": "payments",
    "grants_root": "sha256:" + "00" * 32,
    "log_checkpoint": "sha256:" + "00" * 32,
    "assurance": "hardware",
}


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_evidence_for_another_run(world: World, runner: Runner, job: str, field: str) -> None:
    nonce = world.releaser.challenge(job).nonce
    assert code(world.releaser.release, request(runner, nonce, **{field: CHANGES[field]})) == "CT-2278"
    assert field in refusals(world)[-1]["reason"]
    # The nonce is gone with the attempt.
    assert code(world.releaser.release, request(runner, nonce)) == "CT-2245"
    assert releases(world) == 0


def test_evidence_for_another_job(world: World, runner: Runner, job: str) -> None:
    nonce = world.releaser.challenge(job).nonce
    assert code(world.releaser.release, request(runner, nonce, job="sha256:" + "00" * 32)) == "CT-2277"
    assert refusals(world)[-1]["manifest"] == "sha256:" + "00" * 32


def test_evidence_that_is_not_over_its_binding(world: World, runner: Runner, job: str) -> None:
    """The host swaps a key into the binding: its own, to be given the data key or to sign receipts."""
    other = Runner(world.case, world.attester)
    for field, value in (("hpke_pk", other.key.public.hex()), ("receipt_pk", other.receipt.public)):
        nonce = world.releaser.challenge(job).nonce
        honest = request(runner, nonce)
        swapped = honest.model_copy(update={"binding": runner.binding(nonce, **{field: value})})
        assert code(world.releaser.release, swapped) == "CT-2240"
        assert "report data" in refusals(world)[-1]["reason"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"measurement": flipped(MEASUREMENT, 0)}, "measurements"),
        ({"launch_bound": bytes(32)}, "launch"),
        ({"launch_bound": None}, "launch"),
        ({"debug": True}, "debug"),
    ],
)
def test_other_code_or_start(
    world: World, runner: Runner, job: str, changed: dict[str, Any], reason: str
) -> None:
    given = {"measurement": MEASUREMENT, "launch_bound": world.manifest.digest_bytes} | changed
    runner.attester = SimAttester(world.home / "sim", **given, now=world.clock)
    assert code(world.releaser.release, request(runner, world.releaser.challenge(job).nonce)) == "CT-2240"
    assert reason in refusals(world)[-1]["reason"]
    assert releases(world) == 0


def test_another_simulated_root(world: World, runner: Runner, job: str, tmp_path: Path) -> None:
    runner.attester = SimAttester(tmp_path / "own", MEASUREMENT, launch_bound=world.manifest.digest_bytes)
    assert code(world.releaser.release, request(runner, world.releaser.challenge(job).nonce)) == "CT-2235"


def test_production_has_no_verifier_for_simulated_evidence(world: World, runner: Runner) -> None:
    strict = world.restarted(roots=Roots())
    job = strict.admit(world.case)
    assert code(strict.release, request(runner, strict.challenge(job).nonce)) == "CT-2233"


def test_the_operators_own_reference_values_hold_beside_the_grant(world: World, runner: Runner) -> None:
    own = ReferenceValues(
        version="coterie/reference/v1",
        measurements={"sim": ({"measurement": MEASUREMENT.hex()},)},
        platform={"types": ("sim",), "simulated": True, "chips": ()},  # type: ignore[arg-type]
    )
    strict = world.restarted(reference=own)
    job = strict.admit(world.case)
    assert code(strict.release, request(runner, strict.challenge(job).nonce)) == "CT-2240"
    assert "chip" in refusals(world)[-1]["reason"]


def test_runs_are_counted(world: World, runner: Runner, job: str) -> None:
    for _ in range(2):
        world.releaser.release(request(runner, world.releaser.challenge(job).nonce))
    assert code(world.releaser.challenge, job) == "CT-2280"
    assert refusals(world)[-1]["what"] == "challenge"
    again = world.restarted()
    assert again.admit(world.case) == job
    assert code(again.challenge, job) == "CT-2280"


def test_challenges_in_stock_do_not_make_more_runs(world: World, runner: Runner, job: str) -> None:
    nonces = [world.releaser.challenge(job).nonce for _ in range(3)]
    for nonce in nonces[:2]:
        world.releaser.release(request(runner, nonce))
    assert code(world.releaser.release, request(runner, nonces[2])) == "CT-2280"
    assert releases(world) == 2


def test_the_counter_survives_the_loss_of_either_memory(world: World, runner: Runner, job: str) -> None:
    for _ in range(2):
        world.releaser.release(request(runner, world.releaser.challenge(job).nonce))
    for path in (world.home / "counters").iterdir():
        path.unlink()
    again = world.restarted()
    again.admit(world.case)
    assert code(again.challenge, job) == "CT-2280"


class Full:
    """A ledger whose disk is full."""

    def __init__(self, real: Ledger) -> None:
        self.real = real

    def append(self, kind: Any, body: Any) -> Any:
        if kind == "release":
            raise OSError("no space")
        return self.real.append(kind, body)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def test_a_ledger_from_a_copy_does_not_give_runs_back(world: World, runner: Runner, job: str) -> None:
    world.releaser.release(request(runner, world.releaser.challenge(job).nonce))
    ledger = world.ledgers["lender"]

    class Forgetful(Full):
        def entries(self, kind: Any = None, job: Any = None) -> Any:
            return iter(()) if kind == "release" else ledger.entries(kind, job)

        def append(self, kind: Any, body: Any) -> Any:
            return ledger.append(kind, body)

    again = world.restarted(log=Forgetful(ledger))
    again.admit(world.case)
    again.release(request(runner, again.challenge(job).nonce))
    assert code(again.challenge, job) == "CT-2280"


def test_a_reusable_grant_is_counted_in_all_jobs_and_in_each(world: World, runner: Runner) -> None:
    """The partner's grant is for one job with two runs; the own one is for three runs of any jobs."""
    reusable = resigned(world.grant("lender", reusable=True), world.who["lender"], max_runs=3)
    case = world.case_of(lender=reusable)
    job = world.releaser.admit(case)
    runner.case = case
    for _ in range(2):
        world.releaser.release(request(runner, world.releaser.challenge(job).nonce))
    assert code(world.releaser.challenge, job) == "CT-2280"
    fields = json.loads(world.manifest.to_bytes()) | {"job": "fe" * 16}
    world.manifest = JobManifest.model_validate(fields)
    world.grants["payments"] = world.grant("payments")
    second = world.case_of(lender=reusable)
    runner = Runner(second, world.attester)
    runner.attester = SimAttester(
        world.home / "sim", MEASUREMENT, launch_bound=world.manifest.digest_bytes, now=world.clock
    )
    again = world.releaser.admit(second)
    world.releaser.release(request(runner, world.releaser.challenge(again).nonce))
    assert code(world.releaser.challenge, again) == "CT-2280"
    restarted = world.restarted()
    restarted.admit(second)
    assert code(restarted.challenge, again) == "CT-2280"


class Broken:
    """Counters on a disk that fails when a run is to be written down."""

    def __init__(self, real: FileCounters) -> None:
        self.real = real

    def spent(self, counted: str) -> Spent:
        return self.real.spent(counted)

    def keep(self, spent: Spent) -> None:
        raise OSError(f"the power is gone before {spent.runs} is written")


def test_a_crash_between_log_and_release_spends_the_run(world: World, runner: Runner) -> None:
    falling = world.restarted(counters=Broken(FileCounters(world.home / "counters")))
    job = falling.admit(world.case)
    with pytest.raises(OSError, match="power"):
        falling.release(request(runner, falling.challenge(job).nonce))
    assert releases(world) == 1
    again = world.restarted()
    again.admit(world.case)
    again.release(request(runner, again.challenge(job).nonce))
    assert code(again.challenge, job) == "CT-2280"


def test_what_cannot_be_logged_is_not_released(world: World, runner: Runner) -> None:
    full = world.restarted(log=Full(world.ledgers["lender"]))
    job = full.admit(world.case)
    with pytest.raises(OSError, match="space"):
        full.release(request(runner, full.challenge(job).nonce))
    assert world.restarted().admit(world.case) == job
    assert FileCounters(world.home / "counters").spent(world.grants["lender"].digest).runs == 0


def test_many_runners_at_once_get_no_more_than_the_runs(world: World, runner: Runner, job: str) -> None:
    asked = [request(runner, world.releaser.challenge(job).nonce) for _ in range(8)]
    got: list[Release] = []

    def ask(one: ReleaseRequest) -> None:
        try:
            got.append(world.releaser.release(one))
        except CoterieError as error:
            assert error.code == "CT-2280"  # noqa: PT017

    threads = [threading.Thread(target=ask, args=(one,)) for one in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == releases(world) == 2


def test_a_revoked_agreement_releases_nothing(world: World, runner: Runner, job: str) -> None:
    nonce = world.releaser.challenge(job).nonce
    revoked = Revocation.make(world.agreement, world.who["payments"], "it has ended", now=NOW)
    world.book.revocations.append(revoked)
    assert code(world.releaser.release, request(runner, nonce)) == "CT-1622"
    assert code(world.releaser.challenge, job) == "CT-1622"
    assert code(world.restarted().admit, world.case) == "CT-1622"
    assert {one["code"] for one in refusals(world)} == {"CT-1622"}
    assert "admission" in {one["what"] for one in refusals(world)}


def test_an_expired_agreement_or_grant_releases_nothing(world: World, runner: Runner, job: str) -> None:
    nonce = world.releaser.challenge(job).nonce
    world.clock.now = NOW + timedelta(days=400)
    assert code(world.releaser.release, request(runner, nonce)) == "CT-2245"
    assert code(world.releaser.challenge, job) == "CT-1624"
    world.clock.now = NOW
    grant = resigned(world.grants["lender"], world.who["lender"], expires=timestamp(NOW))
    assert code(world.releaser.admit, world.case_of(lender=grant)) == "CT-2275"


def test_a_withdrawn_job_releases_nothing(world: World, runner: Runner, job: str) -> None:
    nonce = world.releaser.challenge(job).nonce
    world.releaser.withdraw(job)
    assert code(world.releaser.release, request(runner, nonce)) == "CT-2277"


def test_one_owners_refusal_is_enough(world: World) -> None:
    alone = Case(
        world.manifest, (world.grants["lender"],), tuple(world.records.values()), world.case.checkpoint
    )
    assert code(world.releaser.admit, alone) == "CT-2275"
    assert "payments: gave no grant" in refusals(world)[-1]["reason"]


def test_a_grant_that_was_edited(world: World, who: dict[str, Identity]) -> None:
    edited = world.grants["payments"].model_copy(update={"max_runs": 1000})
    assert code(world.releaser.admit, world.case_of(payments=edited)) == "CT-2275"
    keys = {**edited.keys, "mallory": who["mallory"].public.key}
    stranger = resigned(world.grants["payments"], who["mallory"], keys=keys, dataset="mallory/accounts")
    assert code(world.releaser.admit, world.case_of(payments=stranger)) == "CT-2275"


def test_another_sealing_of_the_data(world: World) -> None:
    other, _ = sealed(world.who["lender"], world.keys)
    case = Case(
        world.manifest,
        world.case.grants,
        (other, world.records["payments"]),
        world.case.checkpoint,
    )
    assert code(world.releaser.admit, case) == "CT-2275"


def test_a_key_that_is_gone_spends_nothing(world: World, runner: Runner, job: str) -> None:
    world.keys.remove(world.records["lender"].preamble.header.file_id)
    nonce = world.releaser.challenge(job).nonce
    assert code(world.releaser.release, request(runner, nonce)) == "CT-2209"
    assert releases(world) == 0


def test_a_public_key_that_is_none_spends_nothing(world: World, runner: Runner, job: str) -> None:
    nonce = world.releaser.challenge(job).nonce
    assert code(world.releaser.release, request(runner, nonce, hpke_pk="00" * 40)) == "CT-2211"
    assert releases(world) == 0


def test_the_time_between_runs(tmp_path: Path, who: dict[str, Identity]) -> None:
    world = World(tmp_path, who, DRAFT + "  min_interval: 3600\n")
    job = world.releaser.admit(world.case)
    runner = Runner(world.case, world.attester)
    world.releaser.release(request(runner, world.releaser.challenge(job).nonce))
    world.clock.now += timedelta(seconds=3599)
    assert code(world.releaser.challenge, job) == "CT-2281"
    world.clock.now += timedelta(seconds=1)
    world.releaser.challenge(job)
    world.clock.now -= timedelta(days=1)
    assert code(world.releaser.challenge, job) == "CT-2283"
    world.close()


def test_nonsense_does_not_fill_the_ledger(world: World, runner: Runner, job: str) -> None:
    asked = request(runner, "00" * 32)
    for _ in range(MOST_REFUSALS):
        assert code(world.releaser.release, asked) == "CT-2245"
    for _ in range(10):
        assert code(world.releaser.release, asked) == "CT-2284"
        assert code(world.releaser.challenge, job) == "CT-2284"
        assert code(world.releaser.challenge, "sha256:" + "11" * 32) == "CT-2277"
    assert len(refusals(world)) == MOST_REFUSALS + 10
    world.releaser.admit(world.case)
    world.releaser.challenge(job)


def test_checkpoints(world: World, who: dict[str, Identity], tmp_path: Path) -> None:
    mine, theirs = world.case.checkpoint.logged

    def refused(*logged: Any, **changes: Any) -> bool:
        checkpoint = world.case.checkpoint.model_copy(update={"logged": logged, **changes})
        case = Case(world.manifest, world.case.grants, world.case.records, checkpoint)
        return code(world.releaser.admit, case) == "CT-2279"

    assert refused(mine)
    assert refused(mine, mine)
    assert refused(mine, theirs, manifest="sha256:" + "00" * 32)
    assert refused(mine, theirs.model_copy(update={"grant": mine.grant}))
    assert refused(mine, theirs.model_copy(update={"entry": theirs.head.seq + 1}))
    assert refused(mine, theirs.model_copy(update={"head": mine.head}))
    later = theirs.head.model_copy(update={"seq": theirs.head.seq + 1})
    assert refused(mine, theirs.model_copy(update={"head": later}))
    # A head that the lender has signed, of a ledger that is not the one here.
    with Ledger(tmp_path / "elsewhere", who["lender"]) as elsewhere:
        elsewhere.append("grant", {"job": world.manifest.job, "grant": mine.grant})
        foreign = mine.model_copy(update={"entry": 1, "head": elsewhere.head()})
    assert refused(foreign, theirs)
    assert refused(
        mine.model_copy(update={"entry": mine.entry + 1, "head": world.ledgers["lender"].head()}), theirs
    )


@needs_material
@pytest.mark.parametrize("name", ["snp", "tdx", "nitro"])
def test_real_evidence_of_others_is_no_evidence_for_this_run(
    world: World, runner: Runner, job: str, name: str
) -> None:
    """Hardware evidence, and real, but of another run: refused before it is verified."""
    found = {
        "snp": lambda: snp("trustee"),
        "tdx": lambda: intel("tdx_quote"),
        "nitro": lambda: nitro("valid-attestation-doc-bytes"),
    }
    evidence, endorsements = found[name]()
    nonce = world.releaser.challenge(job).nonce
    asked = ReleaseRequest(binding=runner.binding(nonce), evidence=evidence, endorsements=endorsements)
    assert code(world.releaser.release, asked) == "CT-2278"
    assert "assurance" in refusals(world)[-1]["reason"]


def test_endorsements_of_another_type(world: World, runner: Runner, job: str) -> None:
    asked = request(runner, world.releaser.challenge(job).nonce)
    asked = asked.model_copy(update={"endorsements": Endorsements(type="snp")})
    assert code(world.releaser.release, asked) == "CT-2234"


def test_a_releaser_without_data_in_the_job(world: World, who: dict[str, Identity], tmp_path: Path) -> None:
    with Ledger(tmp_path / "hub", who["hub"]) as ledger:
        other: Releaser = world.restarted(name="hub", log=ledger)
        assert code(other.admit, world.case) == "CT-2277"


def test_a_partners_stricter_policy_holds_here_too(world: World, runner: Runner) -> None:
    """What one owner would refuse costs no run of the other's grant."""
    platform = world.grants["payments"].platform.model_copy(update={"chips": ("another",)})
    strict = resigned(world.grants["payments"], world.who["payments"], platform=platform)
    runner.case = world.case_of(payments=strict)
    job = world.releaser.admit(runner.case)
    assert code(world.releaser.release, request(runner, world.releaser.challenge(job).nonce)) == "CT-2240"
    assert "chip" in refusals(world)[-1]["reason"]
    assert releases(world) == 0
