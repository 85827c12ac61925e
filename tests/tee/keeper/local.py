"""A lender with a deposit at a keeper that runs in the tests' own process: everything real but the walls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.ledger import Entry, SignedHead
from coterie.tee.documents.exchange import Checkpoint, Release, ReleaseRequest
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.evidence.model import Endorsements, Evidence
from coterie.tee.evidence.reference import ReferenceValues
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.store import EndorsementStore
from coterie.tee.keeper.clock import HeldClock
from coterie.tee.keeper.custody import Custody
from coterie.tee.keeper.deposit import Deposit
from coterie.tee.keeper.documents import LAUNCHED_FOR, KeeperOffer
from coterie.tee.keeper.errors import NOT_STORED
from coterie.tee.keeper.host import KeeperStore
from coterie.tee.keeper.provider import Depositor
from coterie.tee.release.case import Case
from coterie.tee.release.counters import FileCounters
from coterie.tee.release.releaser import Releaser, ReleaserNode
from tests.tee import joint
from tests.tee.joint import NOW, Clock, Folder, Runner

KEEPER = hashlib.sha384(b"the keeper").digest()
SHARED = bytes(range(32))


def code(call: Callable[..., object], *arguments: Any) -> str:
    with pytest.raises(CoterieError) as caught:
        call(*arguments)
    return caught.value.code


def keepers(measurement: bytes, **platform: Any) -> ReferenceValues:
    policy = {"types": ("sim",), "simulated": True, "chips": "any", **platform}
    return ReferenceValues.model_validate(
        {
            "version": "coterie/reference/v1",
            "measurements": {"sim": ({"measurement": measurement.hex()},)},
            "platform": policy,
        }
    )


class AtHost:
    """A keeper's host with a disk that can fail."""

    def __init__(self, home: Path, attester: SimAttester) -> None:
        self.store_ = KeeperStore(home)
        self.attester = attester
        self.fails: Callable[[str], bool] = lambda what: False
        self.stored: list[Entry] = []

    def quote(self, report_data: bytes) -> tuple[Evidence, Endorsements | None]:
        return self.attester.quote(report_data), None

    def store(self, log: Identity, entry: Entry, head: SignedHead) -> None:
        if self.fails(entry.kind):
            raise NOT_STORED("CT-1120")
        self.stored.append(entry)
        self.store_.entry(log.public, entry, head)

    def archive(self, content: bytes) -> None:
        if self.fails("archive"):
            raise NOT_STORED("CT-1120")
        self.store_.archive(content)


class Shared:
    def secret(self, agreement: object) -> bytes:
        return bytes(bytearray(SHARED))


class Steady:
    """The machine's steady clock, as tests set it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class World(joint.World):
    """The lender goes offline: its key is at a keeper."""

    def __init__(self, home: Path, who: dict[str, Identity], text: str = joint.DRAFT) -> None:
        super().__init__(home, who, text)
        self.wall, self.steady = Clock(), Steady()
        """What the keeper's host says that the time is."""
        self.host = AtHost(home / "host", self.attester_of(KEEPER))
        self.node = ReleaserNode(
            name="lender",
            log=self.ledgers["lender"],
            counters=FileCounters(home / "counters"),
            agreements=self.book,
            endorsements=EndorsementStore(home / "endorsements"),
            keys=self.keys,
            archive=Folder(home / "archive"),
            secrets=Shared(),
        )
        self.runners: ReferenceValues | None = None
        self.depositor = self.depositor_of()
        self.made = 0

    def attester_of(self, measurement: bytes, launched: bytes = LAUNCHED_FOR, **options: Any) -> SimAttester:
        return SimAttester(self.home / "sim", measurement, launch_bound=launched, now=self.clock, **options)

    def depositor_of(self, reference: ReferenceValues | None = None, roots: Roots | None = None) -> Depositor:
        releaser = Releaser(self.node, roots or self.roots(), reference=self.runners, now=self.clock)
        store = EndorsementStore(self.home / "endorsements")
        return Depositor(releaser, self.who["lender"], store, reference or keepers(KEEPER), now=self.clock)

    def reusable(self, **options: Any) -> Grant:
        return self.grant("lender", reusable=True, **options)

    def custody(self, depositor: Depositor | None = None) -> Custody:
        self.made += 1
        challenge = (depositor or self.depositor).challenge("simulated")
        return Custody(
            challenge,
            self.host,
            self.home / "scratch" / str(self.made),
            lambda: HeldClock(self.wall, self.steady),
        )

    def deposit(self, offer: KeeperOffer, **options: Any) -> Deposit:
        until = options.pop("until", NOW + timedelta(days=30))
        grant = options.pop("grant", None) or self.reusable(max_runs=3, **options)
        return self.depositor.deposit(offer, grant, self.records["lender"], until)

    def kept(self, until: datetime | None = None, **options: Any) -> tuple[Custody, Deposit]:
        """A custody that holds the lender's key."""
        custody = self.custody()
        deposit = self.deposit(custody.offer(), until=until or NOW + timedelta(days=30), **options)
        custody.accept(deposit)
        return custody, deposit

    def case_with(self, deposit: Deposit, manifest: JobManifest | None = None) -> Case:
        """A job under the deposited grant."""
        before, self.manifest = self.manifest, manifest or self.manifest
        theirs = self.grant("payments")
        logged = (deposit.logged, self._logged(theirs))
        checkpoint = Checkpoint(manifest=self.manifest.digest, logged=logged)
        made = Case(self.manifest, (deposit.grant, theirs), tuple(self.records.values()), checkpoint)
        self.manifest = before
        return made

    def runner(self, case: Case) -> Runner:
        return Runner(case, self.attester_of(joint.MEASUREMENT, case.manifest.digest_bytes))


def request(runner: Runner, nonce: str, **changes: Any) -> ReleaseRequest:
    binding = runner.binding(nonce, **changes)
    return ReleaseRequest(binding=binding, evidence=runner.attester.quote(binding.report_data()))


def released(custody: Custody, runner: Runner) -> Release:
    """What a runner does to get a key."""
    return custody.release(request(runner, custody.challenge(runner.case.job).nonce))
