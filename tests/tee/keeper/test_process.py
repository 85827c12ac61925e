"""Keepers as they run: a process behind walls, a host that stores, a run of which one owner is offline."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coterie.agreement import Revocation
from coterie.errors import CoterieError
from coterie.ledger import read_entries, verify
from coterie.tee.documents.derive import grant_for
from coterie.tee.documents.exchange import Challenge, Checkpoint, Release, ReleaseRequest
from coterie.tee.documents.grant import Grant
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.evidence.errors import ATTESTER_FAILED
from coterie.tee.evidence.model import Evidence
from coterie.tee.evidence.store import EndorsementStore
from coterie.tee.image.machine import Machine, OwnPlatform
from coterie.tee.keeper.deposit import Deposit
from coterie.tee.keeper.documents import KeeperOffer
from coterie.tee.keeper.host import Keeper, KeeperStore
from coterie.tee.keeper.inside import MODULE
from coterie.tee.keeper.provider import Collection, Depositor
from coterie.tee.keeper.questions import KeeperQuestions
from coterie.tee.keeper.relay import KeptKey, KeptRelay
from coterie.tee.keeper.service import KeeperAt, KeeperService
from coterie.tee.release.case import Case
from coterie.tee.runner.session import AttestedRun, run_attested
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.limits import RunLimits
from tests.tee.joint import NOW
from tests.tee.keeper import stand_in
from tests.tee.keeper.local import code, keepers
from tests.tee.runner.world import ROWS, SMALL, World

LIMITS = RunLimits(memory=1 << 30, seconds=600, scratch=8 << 20)


class Offline(World):
    """The payment service has gone offline: a keeper at the hub has its key. The hub relays."""

    keeper: Keeper
    offer: KeeperOffer
    deposit: Deposit

    def begin(self, keeper: Sandbox) -> None:
        self.keeper_sandbox = keeper
        self.store = KeeperStore(self.home / "keeper")
        self.keeper = self.started()
        self.depositor = Depositor(
            self.releasers["payments"],
            self.who["payments"],
            EndorsementStore(self.home / "endorsements-payments"),
            keepers(self.keeper.measurement),
            now=self.clock,
        )
        self.offer, self.deposit = self.deposited(max_runs=3)
        self.case = self.case_kept(self.deposit)

    def started(self) -> Keeper:
        return Keeper(self.keeper_sandbox, self.attest_keeper, self.store, limits=LIMITS)

    def attest_keeper(self, measurement: bytes, job: bytes) -> SimAttester:
        return SimAttester(self.home / "sim", measurement, launch_bound=job, now=self.clock)

    def deposited(self, keeper: KeeperQuestions | None = None, **options: Any) -> tuple[KeeperOffer, Deposit]:
        chosen, record = keeper or self.keeper, self.records["payments"]
        until = options.pop("until", NOW + timedelta(days=30))
        grant = self.grant_kept(**options)
        offer = chosen.offer(self.depositor.challenge("simulated"))
        deposit = self.depositor.deposit(offer, grant, record, until)
        assert chosen.deposit(deposit).holds
        return offer, deposit

    def grant_kept(self, **options: Any) -> Grant:
        terms, record, owner = self.agreement.terms, self.records["payments"], self.who["payments"]
        return grant_for(terms, self.manifest, record, owner, now=NOW, reusable=True, **options)

    def case_kept(self, deposit: Deposit) -> Case:
        mine = self.case.grant("lender")
        logged = (self.case.logged("lender"), deposit.logged)
        checkpoint = Checkpoint(manifest=self.manifest.digest, logged=logged)
        made = Case(self.manifest, (mine, deposit.grant), tuple(self.records.values()), checkpoint)
        self.releasers["lender"].admit(made)
        return made

    def run_kept(self, keeper: Keeper | None = None, deposit: Deposit | None = None) -> AttestedRun:
        chosen = KeptKey(keeper or self.keeper, (deposit or self.deposit).binding.log_pk)
        relay = KeptRelay(self.case, {"payments": chosen}, self)
        containers = [self.containers[name] for name in self.manifest.owners]
        folder = self.home / "results"
        return run_attested(self.sandbox, self.case, containers, self.attest, relay, folder, limits=SMALL)

    def challenge(self, owner: str) -> Challenge:
        assert owner == "lender", "the other one is offline"
        return super().challenge(owner)

    def release(self, owner: str, request: ReleaseRequest) -> Release:
        assert owner == "lender", "the other one is offline"
        return super().release(owner, request)

    def close(self) -> None:
        self.keeper.close()
        super().close()


@pytest.fixture(scope="module")
def keeper_sandbox(image: Path) -> Sandbox:
    return Sandbox(image, MODULE)


@pytest.fixture(scope="module")
def runner_sandbox(image: Path) -> Sandbox:
    return Sandbox(image, "tee_work")


@pytest.fixture(scope="module")
def measurement(runner_sandbox: Sandbox) -> bytes:
    return runner_sandbox.measure().measurement


@pytest.fixture
def offline(
    tmp_path: Path, runner_sandbox: Sandbox, keeper_sandbox: Sandbox, measurement: bytes
) -> Iterator[Offline]:
    made = Offline(tmp_path / "world", runner_sandbox, "sum", measurement)
    made.begin(keeper_sandbox)
    yield made
    made.close()


def failed(call: Callable[..., object], *arguments: Any) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        call(*arguments)
    return caught.value


def test_a_run_of_which_one_owner_is_offline(offline: Offline, measurement: bytes) -> None:
    assert offline.keeper.measurement != measurement  # the same image, and other code that is run
    run = offline.run_kept()
    outputs = {output.described.kind: output for output in run.outputs}
    assert json.loads(offline.open(outputs["metrics"], "lender"))["spend"] == sum(range(ROWS))
    run.receipt.verify()
    assert set(run.receipt.evidence) == {"lender", "payments"}
    log = offline.store.log(offline.deposit.binding.log_pk)
    assert [entry.kind for entry in read_entries(log)] == ["grant", "release"]
    assert verify(log).ok
    copy = offline.home / "copy"
    statement = Collection(copy, offline.offer.log).collect(offline.keeper.collect)
    assert (statement.head.seq, statement.holds) == (2, True)
    assert verify(log, heads=[statement.head]).ok
    (release,) = read_entries(copy, "release")
    assert release.body["body"] == run.receipt.evidence["payments"]
    assert [entry.kind for entry in offline.ledgers["payments"].entries()][-2:] == ["grant", "deposit"]


def test_no_key_is_in_the_hosts_files(offline: Offline) -> None:
    offline.run_kept()
    key = offline.keys["payments"].key(offline.records["payments"].preamble)
    for path in (offline.home / "keeper").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            for secret in (key, offline.shared):
                assert secret not in content, path
                assert secret.hex().encode() not in content, path


def test_after_a_restart_there_is_no_key(offline: Offline) -> None:
    offline.keeper.close()
    offline.keeper.close()  # twice is allowed
    assert failed(offline.run_kept).code == "CT-2325"
    with offline.started() as again:
        assert again.measurement == offline.keeper.measurement
        assert failed(offline.run_kept, again).code == "CT-2328"
        assert failed(again.deposit, offline.deposit).code == "CT-2328"
        question = offline.deposit.binding.log_pk
        assert failed(again.withdraw, offline.depositor.withdraw(question)).code == "CT-2328"
        # The old deposit is of no use to the new keeper's keys either.
        offer = again.offer(offline.depositor.challenge("simulated"))
        moved = offline.deposit.model_copy(update={"binding": offer.binding})
        assert failed(again.deposit, moved).code == "CT-1101"
        _, anew = offline.deposited(again, max_runs=2)
        offline.case = offline.case_kept(anew)
        offline.run_kept(again, anew)


def test_after_a_withdrawal_there_is_no_key_and_the_log_stays(offline: Offline) -> None:
    offline.keeper.withdraw(offline.depositor.withdraw(offline.deposit.binding.log_pk))
    assert failed(offline.run_kept).code == "CT-2329"
    assert not Collection(offline.home / "copy", offline.offer.log).collect(offline.keeper.collect).holds
    _, brief = offline.deposited(max_runs=1, until=NOW + timedelta(seconds=1))
    time.sleep(1.1)
    assert failed(offline.keeper.challenge, brief.binding.log_pk, offline.case.job).code == "CT-2329"
    _, other = offline.deposited(max_runs=2)
    revoked = Revocation.make(offline.agreement, offline.who["lender"], "it has ended", now=NOW)
    offline.keeper.revoke(other.binding.log_pk, revoked)
    offline.case = offline.case_kept(other)
    assert failed(offline.run_kept, offline.keeper, other).code == "CT-2329"


def test_what_the_host_cannot_store_is_not_released(offline: Offline) -> None:
    log = offline.store.log(offline.deposit.binding.log_pk)
    kept = KeptRelay(
        offline.case, {"payments": KeptKey(offline.keeper, offline.deposit.binding.log_pk)}, offline
    )
    (log / "head.json").unlink()
    (log / "head.json").mkdir()
    containers = [offline.containers[name] for name in offline.manifest.owners]
    with pytest.raises(CoterieError) as caught:
        run_attested(
            offline.sandbox,
            offline.case,
            containers,
            offline.attest,
            kept,
            offline.home / "results",
            limits=SMALL,
        )
    assert caught.value.code == "CT-2331"
    assert [entry.kind for entry in read_entries(log)] == ["grant"]
    (log / "head.json").rmdir()
    offline.run_kept()
    assert [entry.kind for entry in read_entries(log, "release")] == ["release", "release"]
    # What was logged is spent, though no key left: one run of three is left.
    offline.run_kept()
    spent = failed(offline.keeper.challenge, offline.deposit.binding.log_pk, offline.case.job)
    assert spent.code == "CT-2280"


def test_a_keeper_that_is_killed_is_gone(offline: Offline) -> None:
    children = Path(f"/proc/{os.getpid()}/task")
    pids = {int(pid) for task in children.iterdir() for pid in (task / "children").read_text().split()}
    for pid in pids:
        if b"bwrap" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    assert failed(offline.run_kept).code == "CT-2325"
    assert failed(offline.keeper.offer, offline.depositor.challenge("simulated")).code == "CT-2325"


def test_a_keeper_in_a_machine_of_its_own(offline: Offline, image: Path, tmp_path: Path) -> None:
    """Over the machine's only port, with evidence by the machine's own platform."""
    root = str(offline.home / "sim")
    words = (sys.executable, "-m", stand_in.__name__, "{socket}", str(image), root, "{job}")
    keeper = Keeper(
        offline.keeper_sandbox,
        lambda *_: OwnPlatform(),
        KeeperStore(tmp_path / "other"),
        limits=LIMITS,
        machine=Machine(words),
    )
    with keeper:
        assert keeper.measurement == offline.keeper.measurement
        offer, deposit = offline.deposited(keeper, max_runs=1)
        offline.case = offline.case_kept(deposit)
        offline.run_kept(keeper, deposit)
        spent = failed(keeper.challenge, deposit.binding.log_pk, offline.case.job)
        assert spent.code == "CT-2280"
        assert Collection(tmp_path / "copy", offer.log).collect(keeper.collect).head.seq == 3
    assert failed(keeper.alive).code == "CT-2325"


def test_a_platform_that_fails(tmp_path: Path, offline: Offline) -> None:
    """With a code, the keeper goes on; otherwise it ends, and nobody waits for it."""

    class Failing:
        error: Exception = ATTESTER_FAILED("no answer")

        def quote(self, report_data: bytes) -> Evidence:
            raise self.error

    failing = Failing()
    store = KeeperStore(tmp_path / "other")
    with Keeper(offline.keeper_sandbox, lambda *_: failing, store, limits=LIMITS) as keeper:
        challenge = offline.depositor.challenge("simulated")
        assert failed(keeper.offer, challenge).code == "CT-2248"
        assert failed(keeper.offer, challenge).code == "CT-2248"
        failing.error = RuntimeError("a driver is broken")
        assert failed(keeper.offer, challenge).code == "CT-2325"
        assert failed(keeper.offer, challenge).code == "CT-2325"


def test_other_processes_of_the_host_ask_over_a_socket(offline: Offline, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    away = KeeperAt(path)
    assert failed(away.alive).code == "CT-2325"
    with KeeperService(offline.keeper, path) as service:
        assert path.stat().st_mode & 0o777 == 0o600
        away.alive()
        kept = KeptKey(away, offline.deposit.binding.log_pk)
        relay = KeptRelay(offline.case, {"payments": kept}, offline)
        assert relay.challenge("payments").job == offline.case.job
        offer, other = offline.deposited(away, max_runs=1)
        assert Collection(tmp_path / "copy", offer.log).collect(away.collect).head.seq == 1
        away.withdraw(offline.depositor.withdraw(other.binding.log_pk))
        assert failed(away.challenge, other.binding.log_pk, offline.case.job).code == "CT-2329"
        assert failed(KeeperService, offline.keeper, path).code == "CT-1121"
        with socket.socket(socket.AF_UNIX) as nonsense:
            nonsense.connect(str(path))
            nonsense.sendall(bytes([99, 0]))
            assert nonsense.recv(1) == b""
        away.alive()
        service.close()
        assert failed(away.alive).code == "CT-2325"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))  # and nobody listens, as after a crash
    with KeeperService(offline.keeper, path):
        away.alive()
        offline.keeper.close()
        assert failed(away.alive).code == "CT-2325"
    assert failed(KeeperService, offline.keeper, tmp_path / "gone" / "socket").code == "CT-1121"
    assert failed(KeeperAt(tmp_path / ("x" * 200)).alive).code == "CT-2325"


def test_a_sandbox_that_does_not_start_says_why(tmp_path: Path, image: Path) -> None:
    def attest(measurement: bytes, job: bytes) -> SimAttester:
        return SimAttester(tmp_path / "sim", measurement, launch_bound=job)

    for sandbox in (Sandbox(image, "coterie.tee.keeper.nothing"), Sandbox(image, "json")):
        error = failed(Keeper, sandbox, attest, KeeperStore(tmp_path / "store"))
        assert error.code == "CT-2290"
    (tmp_path / "file").write_bytes(b"")
    assert code(KeeperStore, tmp_path / "file") == "CT-1121"


def test_the_page_is_true(offline: Offline) -> None:
    """Its code runs, and every test that it names is there."""
    page = (Path(__file__).parents[3] / "docs" / "keeper.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    shown: dict[str, Any] = {}
    exec(compile(block, "keeper.md", "exec"), shown)
    keeper = shown["start"](offline.keeper_sandbox, offline.attest_keeper, offline.home / "shown")
    with keeper:
        grant, record = offline.grant_kept(max_runs=2), offline.records["payments"]
        offer = shown["deposit"](offline.depositor, keeper, grant, record, NOW + timedelta(days=1))
        (path,) = (offline.home / "shown" / "archive").iterdir()
        offline.case = offline.case_kept(Deposit.parse(path.read_bytes()))
        relay = shown["relay"](offline.case, keeper, {"payments": offer}, offline)
        assert relay.challenge("payments").provider == "payments"
        shown["withdraw"](offline.depositor, keeper, offer)
        assert failed(relay.challenge, "payments").code == "CT-2329"
        copy = offline.home / "shown-copy"
        assert not shown["collect"](keeper, offer, copy).holds
        assert [entry.kind for entry in read_entries(copy)] == ["grant", "revocation"]
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", page)
    assert len(named) > 15
    for file, name in named:
        assert f"def {name}(" in Path(__file__).with_name(file).read_text(), name
