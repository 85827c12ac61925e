"""Stages dealt by an attested process: what its host cannot do, and what a party does not take."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from coterie.agreement import AttestedTerms, Terms
from coterie.crypto import Identity, canonical, now
from coterie.errors import CoterieError
from coterie.jobs import (
    DealerHost,
    StageRequest,
    deal_stage,
    deal_stage_attested,
    dealer_host,
    derive_plan,
    derive_stage,
    evidence_path,
    expected_dealing,
    merge_requests,
    stage_file,
)
from coterie.jobs.attested_dealing import DealingFacts, subject_of
from coterie.mpc import Binding, Named, TapeFile, peek
from coterie.tee import (
    DealingOrder,
    EndorsementStore,
    Evidence,
    ExpectedDealing,
    Roots,
    RunLimits,
    Sandbox,
    SimAttester,
    TapeEvidence,
    check_dealing,
    deal_attested,
    expected_measurements,
)
from coterie.tee.evidence.attest.home import SimulatedHome

from .conftest import Bench, make_bench

PARTIES = ("lender", "payments")
NONCES = {"lender": "ab" * 32, "payments": "cd" * 32}
HARDWARE = {
    "platform": {
        "types": ["snp"],
        "chips": "any",
        "minimum_svns": {"snp-milan": {"bootloader": 4, "tee": 0, "snp": 20, "microcode": 209}},
    },
    "measurements": {"snp": [{"measurement": "ab" * 48}]},
}


def refused(code: str, words: str = "") -> Any:
    return pytest.raises(CoterieError, match=rf"^{code} .*{words}")


@dataclass
class Desk:
    """A job whose stage was asked for, and what one machine has to deal it."""

    folder: Path
    bench: Bench
    identities: dict[str, Identity]
    sandbox: Sandbox
    request: StageRequest
    """Without nonces."""
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def terms(self) -> Terms:
        return self.bench.terms

    @property
    def section(self) -> AttestedTerms:
        assert self.terms.dealer_tee is not None
        return self.terms.dealer_tee

    def asked(self, party: str, **changes: Any) -> StageRequest:
        """As a party's node asks."""
        return self.request.model_copy(update={"nonces": {party: NONCES[party]}, **changes})

    def merged(self) -> StageRequest:
        return merge_requests([self.asked(party) for party in PARTIES], self.terms)

    def attest(self, measured: bytes, job: bytes) -> SimAttester:
        return SimAttester(self.folder / "sim", measured, launch_bound=job)

    def deal(self, folder: Path, host: DealerHost | None = None, **more: Any) -> dict[str, Path]:
        host = host or DealerHost(self.sandbox, self.attest, "simulated")
        derived, merged = derive_stage(self.request, self.terms), self.merged()
        progress = more.pop("progress", lambda *_: None)
        _, paths = deal_stage_attested(derived, merged, self.terms, folder, host, progress, **more)
        return dict(zip(PARTIES, paths, strict=True))

    def proof(self, party: str = "lender") -> TapeEvidence:
        return TapeEvidence.parse(evidence_path(self.files[party]).read_bytes())

    def expected(self, party: str = "lender") -> ExpectedDealing:
        return expected_dealing(self.asked(party), self.terms, party)

    def check(
        self,
        proof: TapeEvidence | None = None,
        expected: ExpectedDealing | None = None,
        section: AttestedTerms | None = None,
        roots: Roots | None = None,
    ) -> str:
        claims, _ = check_dealing(
            proof or self.proof(),
            expected or self.expected(),
            section or self.section,
            EndorsementStore(self.folder / "store"),
            roots or Roots(profile="development"),
            now(),
        )
        return claims.assurance

    def open(self, party: str, path: Path | None = None) -> TapeFile:
        """With the key that the evidence names, as a node does."""
        signer = Named(name="hub", key=self.proof(party).binding.signing_pk)
        return TapeFile.open(path or self.files[party], self.identities[party], signer)


def section_of(measurement: bytes, pin: str) -> dict[str, Any]:
    return {
        "platform": {"types": ["sim", "swtpm"], "simulated": True, "chips": "any"},
        "measurements": {
            "sim": [expected_measurements("sim", measurement)],
            "swtpm": [expected_measurements("swtpm", measurement)],
        },
        "simulated_roots": [pin],
    }


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, image: Path) -> Desk:
    """The job comes to the stage, gets its files, and runs to its end."""
    folder = tmp_path_factory.mktemp("attested")
    identities = {name: Identity.create(folder / "homes" / name, name) for name in (*PARTIES, "hub")}
    keys = {name: one.public.key for name, one in identities.items()}
    sandbox = Sandbox(image, "coterie.jobs.dealer_runner")
    pin = SimulatedHome(folder / "sim", now()).pin
    bench = make_bench(
        folder,
        correlations="tape",
        parties={name: keys[name] for name in PARTIES},
        services={"hub": keys["hub"]},
        dealer_tee=section_of(sandbox.measure().measurement, pin),
    )
    made: Desk

    def tape(party: str) -> Callable[[Binding], TapeFile | None]:
        return lambda binding: made.open(party) if made.files and binding.stage == 2 else None

    for party in PARTIES:
        bench.recorders[party].tapes = tape(party)
    running = threading.Thread(target=bench.run)
    path = folder / "lender" / stage_file(2)
    made = Desk(folder, bench, identities, sandbox, request=None)  # type: ignore[arg-type]
    running.start()
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, bench.errors
        time.sleep(0.02)
    ready = json.loads(path.read_text())
    made.request = StageRequest.model_validate({"proposal": bench.proposal, "approvals": (), **ready})
    told: list[str] = []
    made.files = made.deal(folder / "out", progress=lambda step, *_: told.append(step))
    running.join(60)
    assert not running.is_alive()
    assert not bench.errors
    assert list(dict.fromkeys(told)) == ["logistic", "evaluate"]
    return made


def test_a_job_runs_on_what_an_attested_process_has_dealt(desk: Desk) -> None:
    lender, payments = desk.proof(), desk.proof("payments")
    assert lender.binding.signing_pk == payments.binding.signing_pk
    assert lender.binding.signing_pk not in {one.public.key for one in desk.identities.values()}
    assert lender.binding.files == payments.binding.files
    assert [desk.check(desk.proof(one), desk.expected(one)) for one in PARTIES] == ["simulated"] * 2
    for party in PARTIES:
        with desk.open(party) as file:
            assert file.head.dealer == Named(name="hub", key=lender.binding.signing_pk)
            dealt = lender.binding.file(party)
            assert dealt is not None
            assert dealt.body == f"sha256:{file.body.hex()}"
        (used,) = desk.bench.recorders[party].bodies("tape")
        assert (used["serial"], used["dealer"]) == (peek(desk.files[party]).serial, "hub")
    metrics = next(p for n, p in desk.bench.recorders["lender"].files.items() if n.endswith("metrics.json"))
    assert json.loads(metrics.read_text())["joint"]["auc"] > 0.75


@pytest.mark.skipif(None in map(shutil.which, ("swtpm", "tpm2_quote")), reason="swtpm is not installed")
def test_a_dealing_that_a_tpm_vouches_for(desk: Desk, tmp_path: Path) -> None:
    host = dealer_host(desk.sandbox.image, desk.folder / "sim", "swtpm", desk.section)
    file = desk.deal(tmp_path / "tpm", host)["lender"]
    proof = TapeEvidence.parse(evidence_path(file).read_bytes())
    assert (proof.evidence.type, desk.check(proof)) == ("swtpm", "simulated")
    only = desk.section.platform.model_copy(update={"types": ("sim",)})
    with refused("CT-2240", "type"):
        desk.check(proof, section=desk.section.model_copy(update={"platform": only}))


def test_a_machine_that_was_not_agreed_deals_nothing(desk: Desk, tmp_path: Path) -> None:
    other = AttestedTerms.model_validate(section_of(b"\1" * 48, "ab" * 32))
    for agreed in (other, AttestedTerms.model_validate(HARDWARE)):
        with refused("CT-4033"):
            desk.deal(tmp_path / "none", dealer_host(desk.sandbox.image, desk.folder / "sim", "sim", agreed))
    assert not list((tmp_path / "none").iterdir())


# The plan


def test_the_plan_says_which_dealer_it_rests_on(desk: Desk) -> None:
    plan = derive_plan(desk.bench.proposal, desk.terms)
    document = plan.to_document()
    assert document["dealer_tee"] == {"types": ["sim", "swtpm"], "simulated": ["sim", "swtpm"]}
    trusted = desk.terms.model_copy(update={"dealer_tee": None})
    plain = derive_plan(desk.bench.proposal, trusted)
    assert "dealer_tee" not in plain.to_document()
    helpers = {step.step: step.statement.helper for step in plan.steps if step.statement}
    before = {step.step: step.statement.helper for step in plain.steps if step.statement}
    assert {name for name, helper in helpers.items() if helper} == {
        name for name, one in before.items() if one
    }
    assert "SIMULATED" in str(helpers["logistic"])
    assert "colludes with no compute party" in str(before["logistic"])
    hardware = AttestedTerms.model_validate(HARDWARE)
    vouched = derive_plan(desk.bench.proposal, desk.terms.model_copy(update={"dealer_tee": hardware}))
    statement = vouched.stages[2].step("logistic").statement
    assert statement is not None
    assert "SIMULATED" not in str(statement.helper)
    assert "its maker" in str(statement.helper)


def test_an_attested_dealer_does_not_stream(desk: Desk, tmp_path: Path) -> None:
    stream = make_bench(tmp_path, dealer_tee=section_of(b"\1" * 48, "ab" * 32))
    with refused("CT-4026"):
        derive_plan(stream.proposal, stream.terms)


# Requests


def test_requests_that_do_not_belong_together(desk: Desk) -> None:
    own, other = desk.asked("lender"), desk.asked("payments")
    merged = merge_requests([own, other], desk.terms)
    assert merged.nonces == NONCES
    assert merge_requests([merged, own], desk.terms) == merged
    with refused("CT-4027", "'payments' is missing"):
        merge_requests([own], desk.terms)
    with refused("CT-4027", "different stages"):
        merge_requests([own, other.model_copy(update={"stage": 1})], desk.terms)
    with refused("CT-4027", "two requests of 'lender'"):
        merge_requests([own, own.model_copy(update={"nonces": {"lender": "00" * 32}}), other], desk.terms)
    trusted = desk.terms.model_copy(update={"dealer_tee": None})
    assert merge_requests([own], trusted).nonces == {}
    assert subject_of(own, desk.terms) == subject_of(merged, desk.terms)


def test_requests_without_nonces_are_what_they_were(desk: Desk) -> None:
    assert b"nonces" not in canonical(desk.request)
    assert b"nonces" in canonical(desk.asked("lender"))


# What a party does not take


def test_evidence_of_another_dealing(desk: Desk) -> None:
    good = desk.expected()
    subject = good.subject
    for changes in (
        {"job": "0f" * 16},
        {"stage": 1},
        {"plan": "sha256:" + "00" * 32},
        {"agreement": "sha256:" + "00" * 32},
        {"request": "sha256:" + "00" * 32},
    ):
        with refused("CT-2313", next(iter(changes))):
            desk.check(expected=replace(good, subject=subject.model_copy(update=changes)))
    with refused("CT-2313", "party"):
        desk.check(desk.proof("payments"))
    with refused("CT-2313", "party"):
        desk.check(expected=replace(good, key="11" * 32))
    with refused("CT-2313", "files"):
        desk.check(expected=replace(good, parties=(*PARTIES, "telecom")))


def test_evidence_over_another_nonce(desk: Desk) -> None:
    for nonce in ("00" * 32, NONCES["payments"], None):
        with refused("CT-2245"):
            desk.check(expected=replace(desk.expected(), nonce=nonce))


def test_a_binding_that_the_evidence_does_not_have(desk: Desk) -> None:
    """The dealer writes its own key, or a file of its own, where the process had others."""
    good = desk.proof()
    hub = desk.identities["hub"].public.key
    files = tuple(one.model_copy(update={"body": "sha256:" + "00" * 32}) for one in good.binding.files)
    for changes in ({"signing_pk": hub}, {"files": files}):
        binding = good.binding.model_copy(update=changes)
        with refused("CT-2240", "report data"):
            desk.check(good.model_copy(update={"binding": binding}))
    old = good.binding.model_copy(update={"nonce": "00" * 32})
    with refused("CT-2240", "report data"):
        desk.check(good.model_copy(update={"binding": old}), replace(desk.expected(), nonce="00" * 32))


def test_code_that_was_not_agreed(desk: Desk) -> None:
    agreed = bytearray.fromhex(desk.section.measurements["sim"][0]["measurement"])
    agreed[-1] ^= 1
    sets = {**desk.section.measurements, "sim": ({"measurement": agreed.hex()},)}
    with refused("CT-2240", "measurements"):
        desk.check(section=desk.section.model_copy(update={"measurements": sets}))


def test_a_process_that_was_launched_for_something_else(desk: Desk) -> None:
    good, measured = desk.proof(), desk.sandbox.measure().measurement
    evidence = desk.attest(measured, bytes(32)).quote(good.binding.report_data())
    with refused("CT-2240", "not started for this job"):
        desk.check(good.model_copy(update={"evidence": evidence}))


def test_a_simulated_dealer_where_hardware_is_asked_for(desk: Desk) -> None:
    with refused("CT-2235"):  # no simulated root counts there
        desk.check(section=AttestedTerms.model_validate(HARDWARE))
    pinned = Roots(profile="development", simulated=frozenset(desk.section.simulated_roots))
    with refused("CT-2240", "simulated"):
        desk.check(section=AttestedTerms.model_validate(HARDWARE), roots=pinned)
    with refused("CT-2233"):
        desk.check(roots=Roots(profile="production"))


def test_a_simulated_root_that_was_not_agreed(desk: Desk) -> None:
    with refused("CT-2235"):
        desk.check(section=desk.section.model_copy(update={"simulated_roots": ("ef" * 32,)}))


def test_evidence_with_a_changed_byte(desk: Desk) -> None:
    good = desk.proof()
    place = good.evidence.blob.index(b'"report_data":"') + 20
    blob = bytearray(good.evidence.blob)
    blob[place] = ord("0") if blob[place] != ord("0") else ord("1")
    with refused("CT-2231"):
        desk.check(good.model_copy(update={"evidence": Evidence.of("sim", bytes(blob))}))
    for data in (b"{}", good.to_bytes() + b" ", b"\0", good.to_bytes().replace(b'"party"', b'"parti"', 1)):
        with refused("CT-2312"):
            TapeEvidence.parse(data)


def test_files_that_the_process_did_not_sign(desk: Desk, tmp_path: Path) -> None:
    derived = derive_stage(desk.request, desk.terms)
    publics = {name: desk.identities[name].public for name in PARTIES}
    _, (own, _) = deal_stage(derived, desk.identities["hub"], publics, tmp_path / "hub", lambda *_: None)
    with refused("CT-2146"):
        desk.open("lender", own)
    changed = tmp_path / "changed.tape"
    data = bytearray(desk.files["payments"].read_bytes())
    data[-1000] ^= 1
    changed.write_bytes(data)
    with refused("CT-2141"):
        desk.open("payments", changed)


# What the process does not do for its host


def order_of(desk: Desk, **changes: Any) -> DealingOrder:
    request = desk.merged()
    fields = {"subject": subject_of(request, desk.terms), "nonces": NONCES, "assurance": "simulated"}
    return DealingOrder.model_validate({**fields, **changes})


class Sheet:
    """A file in memory."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, data: bytes) -> None:
        self.content += data


def attempt(desk: Desk, order: DealingOrder, **changes: Any) -> dict[str, TapeEvidence]:
    given: dict[str, Any] = {
        "public": DealingFacts(request=desk.request, terms=desk.terms).to_bytes(),
        "sizes": dict.fromkeys(PARTIES, 1 << 24),
        "attest": desk.attest,
    }
    given |= changes
    public, sizes, attest = (given.pop(name) for name in ("public", "sizes", "attest"))
    files = {name: Sheet() for name in PARTIES}
    limits = RunLimits(memory=2 << 30, seconds=60)
    return deal_attested(desk.sandbox, order, public, files, sizes, attest, limits=limits, **given)


def test_facts_that_are_not_those_of_the_subject(desk: Desk) -> None:
    """The host would have files sealed to a key of its own, or to no one that the parties asked for."""
    keys = {**desk.terms.parties, "lender": desk.identities["hub"].public.key}
    services = {"hub": desk.terms.parties["lender"]}
    terms = desk.terms.model_copy(update={"parties": keys, "services": services})
    facts = DealingFacts(request=desk.request, terms=terms).to_bytes()
    with refused("CT-2310", "not those of the subject"):
        attempt(desk, order_of(desk), public=facts)


def test_nonsense_in_place_of_facts(desk: Desk) -> None:
    with refused("CT-2310"):
        attempt(desk, order_of(desk), public=b"{}")


def test_terms_that_ask_for_no_attested_dealer(desk: Desk) -> None:
    terms = desk.terms.model_copy(update={"dealer_tee": None})
    order = order_of(desk, subject=subject_of(desk.request, terms))
    with refused("CT-2310", "no attested dealer"):
        attempt(desk, order, public=DealingFacts(request=desk.request, terms=terms).to_bytes())


def test_nonces_of_others(desk: Desk) -> None:
    with refused("CT-2310", "nonces"):
        attempt(desk, order_of(desk, nonces={"lender": NONCES["lender"]}))


def test_evidence_that_the_process_did_not_ask_for(desk: Desk) -> None:
    class Other(SimAttester):
        def quote(self, report_data: bytes) -> Evidence:
            return super().quote(bytes(64))

    with refused("CT-2310", "not what was asked for"):
        attempt(
            desk,
            order_of(desk),
            attest=lambda measured, job: Other(desk.folder / "sim", measured, launch_bound=job),
        )
    with refused("CT-2310", "not what was asked for"):
        attempt(desk, order_of(desk, assurance="hardware"))


def test_a_host_that_has_planned_less(desk: Desk) -> None:
    with refused("CT-2293", "longer"):
        attempt(desk, order_of(desk), sizes=dict.fromkeys(PARTIES, 100))


def test_two_dealings_have_nothing_in_common(desk: Desk) -> None:
    again = attempt(desk, order_of(desk))["lender"]
    assert desk.check(again) == "simulated"  # whether the nonce was used is for the node
    assert again.binding.signing_pk != desk.proof().binding.signing_pk
    with refused("CT-2146"), desk.open("lender") as file:
        TapeFile.open(
            desk.files["lender"],
            desk.identities["lender"],
            Named(name=file.head.dealer.name, key=again.binding.signing_pk),
        )


def test_a_dealing_that_is_ended_leaves_nothing(desk: Desk, tmp_path: Path) -> None:
    stop = threading.Event()
    with refused("CT-2297"):
        desk.deal(tmp_path / "ended", progress=lambda *_: stop.set(), cancelled=stop)
    assert not list((tmp_path / "ended").iterdir())


def test_files_of_another_dealing_stay(desk: Desk, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    shutil.copy(desk.files["payments"], there)
    with refused("CT-2149"):
        desk.deal(there)
    assert [one.name for one in there.iterdir()] == [desk.files["payments"].name]
