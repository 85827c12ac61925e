"""Tape files of an attested dealer between real nodes: asked for, dealt in a sandbox, believed, used once."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coterie.crypto import Identity, canonical, now
from coterie.errors import CoterieError
from coterie.jobs import DEALER_MODULE, evidence_path
from coterie.ledger import Ledger, verify
from coterie.mpc import Binding, Named, Part, TapeFiles, peek, trace
from coterie.mpc.tapefile_writer import deal_ahead
from coterie.node import AgreementView
from coterie.node.accepted import accepted_signer
from coterie.node.core import Core
from coterie.node.home import Home, init_node
from coterie.node.proofs import Proven, TapeProofs
from coterie.node.store import Store
from coterie.tee import Sandbox, TapeEvidence, ensure_image
from coterie.tee.evidence.attest.home import SimulatedHome

from .conftest import Trio, ended, refused
from .test_tapes import STAGE, STEPS, waits

SECTION = """\
dealer_tee:
  platform: {{types: [sim], simulated: true, chips: any}}
  measurements: {{sim: [{{measurement: "{measurement}"}}]}}
  simulated_roots: ["{root}"]
"""


@pytest.fixture(scope="module")
def measurement(trio: Trio, release: Path) -> str:
    """Of the dealer that the hub starts."""
    return Sandbox(ensure_image(release.parent / "images"), DEALER_MODULE).measure().measurement.hex()


def agree(trio: Trio, measurement: str) -> AgreementView:
    root = SimulatedHome(trio.hub.home / "tee" / "simulated", now()).pin
    text = trio.terms() + "\n" + SECTION.format(measurement=measurement, root=root)
    draft = trio.lender.client.draft_agreement(text)
    trio.lender.client.offer_agreement(draft.id)
    trio.lender.client.sign_agreement(draft.id)
    return trio.payments.client.sign_agreement(draft.id)


def spec(trio: Trio, agreement: AgreementView) -> str:
    return trio.job(agreement, STEPS).replace("engine: mpc", "engine: mpc\ncorrelations: tape")


@dataclass
class Waiting:
    """A job that waits for its files, as the dealer has dealt them."""

    trio: Trio
    job: str
    requests: dict[str, dict[str, Any]]
    files: dict[str, Path]
    serial: str

    def add(self, party: str, file: Path | None = None) -> Any:
        daemon = {"lender": self.trio.lender, "payments": self.trio.payments}[party]
        return daemon.client.add_tape(file or self.files[party])

    def copy(self, folder: Path, party: str = "lender") -> Path:
        """A file and its evidence, to be spoiled."""
        folder.mkdir()
        for path in (self.files[party], evidence_path(self.files[party])):
            shutil.copy(path, folder)
        return folder / self.files[party].name


def requests_of(trio: Trio, job: str) -> dict[str, dict[str, Any]]:
    found = {}
    for daemon in (trio.lender, trio.payments):
        waits(daemon, job)
        found[daemon.name] = daemon.client.stage_request(job, STAGE)
    return found


def deal(trio: Trio, requests: dict[str, dict[str, Any]], folder: Path) -> tuple[str, dict[str, Path]]:
    hub = trio.hub.client
    first, *others = (json.dumps(request) for request in requests.values())
    done = hub.wait_dealing(hub.deal(first, folder, *others).id)
    assert done.assurance == "simulated"
    return str(done.serial), {peek(Path(file)).party.name: Path(file) for file in done.files}


def waiting_job(trio: Trio, measurement: str, folder: Path) -> Iterator[Waiting]:
    job = trio.lender.client.submit(spec(trio, agree(trio, measurement))).id
    requests = requests_of(trio, job)
    serial, files = deal(trio, requests, folder)
    yield Waiting(trio, job, requests, files, serial)
    if not trio.lender.client.job(job).over:
        with contextlib.suppress(CoterieError):  # CT-5051: it has just ended by itself
            trio.lender.client.cancel(job)
    for daemon in (trio.lender, trio.payments):
        ended(daemon.client, job)


@pytest.fixture
def waiting(trio: Trio, measurement: str, tmp_path: Path) -> Iterator[Waiting]:
    """For a test that lets the job go on."""
    yield from waiting_job(trio, measurement, tmp_path / "dealt")


@pytest.fixture(scope="module")
def patient(trio: Trio, measurement: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Waiting]:
    """For tests that leave it waiting."""
    yield from waiting_job(trio, measurement, tmp_path_factory.mktemp("patient"))


def test_a_job_runs_on_what_an_attested_dealer_has_dealt(trio: Trio, waiting: Waiting) -> None:
    lender, payments = waiting.requests["lender"], waiting.requests["payments"]
    assert set(lender["nonces"]) == {"lender"}
    assert set(payments["nonces"]) == {"payments"}
    assert canonical({**lender, "nonces": {}}) == canonical({**payments, "nonces": {}})
    assert lender == trio.lender.client.stage_request(waiting.job, STAGE)
    plan = trio.lender.client.plan(waiting.job).document
    assert plan["dealer_tee"] == {"types": ["sim"], "simulated": ["sim"]}
    hub = Identity.load(trio.hub.home).public.key
    assert peek(waiting.files["lender"]).dealer.key != hub
    for party in ("lender", "payments"):
        added = waiting.add(party)
        assert (added.serial, added.dealer, added.assurance) == (waiting.serial, "hub", "simulated")
    done = ended(trio.lender.client, waiting.job, 60)
    assert done.state == "done", done.error
    for daemon in (trio.lender, trio.payments):
        entries = [one.body for one in daemon.client.ledger(kind="tape", job=waiting.job)]
        assert [one["event"] for one in entries] == ["added", "used"]
        kept = daemon.home / "tee" / "archive" / str(entries[0]["evidence"]).removeprefix("sha256:")
        binding = TapeEvidence.parse(kept.read_bytes()).binding
        assert (binding.party, binding.nonce) == (daemon.name, entries[0]["nonce"])
        assert (entries[0]["assurance"], entries[0]["platform"]) == ("simulated", "sim")
        assert entries[0]["signing_pk"] == binding.signing_pk == peek(waiting.files[daemon.name]).dealer.key
        used = next(one for one in daemon.client.tapes() if one.serial == waiting.serial)
        assert (used.state, used.assurance) == ("used", "simulated")
        assert verify(daemon.home / "ledger").ok
    (dealt,) = trio.hub.client.ledger(kind="tape", job=waiting.job)
    assert (dealt.body["event"], dealt.body["assurance"]) == ("dealt", "simulated")


def test_evidence_of_another_job_or_nonce(
    trio: Trio, waiting: Waiting, patient: Waiting, tmp_path: Path
) -> None:
    """The nonce of the first request has served, or was given up: what was dealt for it is of no more use."""
    file = patient.copy(tmp_path / "other")
    shutil.copy(evidence_path(waiting.files["lender"]), evidence_path(file))
    with refused("CT-2313"):
        patient.add("lender", file)
    place = trio.payments.home / "jobs" / waiting.job / f"stage-{STAGE}.nonce"
    assert place.read_text() == waiting.requests["payments"]["nonces"]["payments"]
    place.unlink()
    with refused("CT-2245"):
        waiting.add("payments")
    requests = requests_of(trio, waiting.job)
    assert requests["lender"] == waiting.requests["lender"]
    assert requests["payments"]["nonces"] != waiting.requests["payments"]["nonces"]
    with refused("CT-2245"):
        waiting.add("payments")
    _, files = deal(trio, requests, tmp_path / "again")
    waiting.add("payments", files["payments"])
    assert not place.exists()
    with refused("CT-2147|CT-2245"):  # the job may have begun to use it
        waiting.add("payments", files["payments"])


def test_a_nonce_is_spent_once(patient: Waiting, tmp_path: Path) -> None:
    """Two who take in the same file at the same time: one of them does."""
    proof = TapeEvidence.parse(evidence_path(patient.files["lender"]).read_bytes())
    head = peek(patient.files["lender"])
    init_node(tmp_path / "home", "lender", listen="127.0.0.1:7300", address=None, role="node")
    home = Home.open(tmp_path / "home")
    store = Store(home.store_file)
    with Ledger(home.ledger, home.identity()) as ledger:
        proofs = TapeProofs(Core(home, home.identity(), store, ledger))
        nonce = proofs.nonce(head.job, head.stage)
        assert proofs.nonce(head.job, head.stage) == nonce
        binding = proof.binding.model_copy(update={"nonce": nonce})
        own = proof.model_copy(update={"binding": binding})
        proven = Proven(own, Named(name="hub", key=binding.signing_pk), {"assurance": "simulated"})
        facts = proofs.accept(head, proven)
        assert (
            home.tee / "archive" / facts["evidence"].removeprefix("sha256:")
        ).read_bytes() == own.to_bytes()
        assert accepted_signer(home.path, head) == head.dealer
        with refused("CT-2245"):
            proofs.accept(head, proven)
        assert proofs.nonce(head.job, head.stage) != nonce
        with refused("CT-2245"):
            proofs.accept(head, proven)
        with refused("CT-2313"):
            proven.require_body(bytes(32))
    store.close()


# Turned away: the job waits on, and nothing is used up


def test_a_file_without_evidence(patient: Waiting, tmp_path: Path) -> None:
    file = patient.copy(tmp_path / "bare")
    evidence_path(file).unlink()
    with refused("CT-2311"):
        patient.add("lender", file)
    evidence_path(file).mkdir()
    with refused("CT-1122"):
        patient.add("lender", file)


def test_the_evidence_of_somebody_else(patient: Waiting, tmp_path: Path) -> None:
    file = patient.copy(tmp_path / "mixed")
    shutil.copy(evidence_path(patient.files["payments"]), evidence_path(file))
    with refused("CT-2313"):
        patient.add("lender", file)
    evidence_path(file).write_bytes(b"{}")
    with refused("CT-2312"):
        patient.add("lender", file)


def test_a_file_that_the_dealer_has_signed_itself(patient: Waiting, tmp_path: Path) -> None:
    head = peek(patient.files["lender"])
    bound = Binding(job=head.job, stage=head.stage, plan=head.plan)
    tape = trace(lambda ctx: None, ["lender", "payments"], "hub", (), "tape")
    lender = Identity.load(patient.trio.lender.home).public
    parts = {lender: [Part.of("logistic", tape, "lender")]}
    with TapeFiles(tmp_path, Identity.load(patient.trio.hub.home), bound, parts) as files:
        deal_ahead(tape, files)
        (own,) = files.finish()
    with refused("CT-2311"):
        patient.add("lender", own)
    shutil.copy(evidence_path(patient.files["lender"]), evidence_path(own))
    with refused("CT-2313"):  # the evidence names another signer
        patient.add("lender", own)
    good = TapeEvidence.parse(evidence_path(own).read_bytes())
    hub = Identity.load(patient.trio.hub.home).public.key
    forged = good.binding.model_copy(update={"signing_pk": hub})
    evidence_path(own).write_bytes(good.model_copy(update={"binding": forged}).to_bytes())
    with refused("CT-2240"):
        patient.add("lender", own)


def test_a_file_with_a_changed_byte(patient: Waiting, tmp_path: Path) -> None:
    file = patient.copy(tmp_path / "changed")
    data = bytearray(file.read_bytes())
    data[-100] ^= 1
    file.write_bytes(data)
    with refused("CT-2141"):
        patient.add("lender", file)
    request = patient.trio.lender.client.stage_request(patient.job, STAGE)
    assert request["nonces"] == patient.requests["lender"]["nonces"]
    assert not list((patient.trio.lender.home / "tapes" / patient.job).glob("*"))


# At the dealer


def test_the_dealer_asks_for_the_requests_of_all(patient: Waiting, tmp_path: Path) -> None:
    hub, request = patient.trio.hub.client, json.dumps(patient.requests["lender"])
    with refused("CT-4027"):
        hub.deal(request, tmp_path)
    with refused("CT-5072"):
        hub.deal(request, tmp_path, "{}")


def test_a_dealing_that_is_ended_leaves_nothing(patient: Waiting, tmp_path: Path) -> None:
    hub = patient.trio.hub.client
    first, *others = (json.dumps(one) for one in patient.requests.values())
    begun = hub.deal(first, tmp_path / "ended", *others)
    hub.cancel_dealing(begun.id)
    with refused("CT-4020"):
        hub.wait_dealing(begun.id)
    assert not list((tmp_path / "ended").glob("*"))


def test_code_that_was_not_agreed_is_not_even_started(trio: Trio, measurement: str, tmp_path: Path) -> None:
    other = f"{int(measurement[0], 16) ^ 1:x}{measurement[1:]}"
    job = trio.lender.client.submit(spec(trio, agree(trio, other))).id
    first, *others = (json.dumps(one) for one in requests_of(trio, job).values())
    hub = trio.hub.client
    with refused("CT-4033"):
        hub.wait_dealing(hub.deal(first, tmp_path / "none", *others).id)
    assert not list((tmp_path / "none").iterdir())
    trio.lender.client.cancel(job)
    for daemon in (trio.lender, trio.payments):
        ended(daemon.client, job)


def test_a_job_that_would_stream_is_refused(trio: Trio, measurement: str) -> None:
    stream = trio.job(agree(trio, measurement), STEPS)
    with refused("CT-4026"):
        trio.lender.client.submit(stream)
