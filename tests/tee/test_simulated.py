"""Simulated evidence: real in every check, accepted only where its root is pinned, and never as hardware."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coterie.crypto import canonical
from coterie.errors import CoterieError
from coterie.tee.evidence import certificates, simulated
from coterie.tee.evidence.appraise import appraise
from coterie.tee.evidence.attest import swtpm
from coterie.tee.evidence.attest.home import SimulatedHome
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.evidence.attest.swtpm import SwtpmAttester
from coterie.tee.evidence.model import ASSURANCE, Endorsements, Evidence
from coterie.tee.evidence.reference import ReferenceValues
from coterie.tee.evidence.roots import AMD, Roots
from coterie.tee.evidence.verify import HARDWARE, state, verifiers, verify
from tests.tee.material import flipped

NOW = datetime(2026, 11, 23, tzinfo=UTC)
DATA = bytes(range(64))
MEASUREMENT = hashlib.sha256(b"the runner").digest()
JOB = hashlib.sha256(b"the job").digest()
INSTALLED = all(shutil.which(tool) for tool in swtpm.TOOLS)
some = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])


def now() -> datetime:
    return NOW


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> SimAttester:
    return SimAttester(tmp_path_factory.mktemp("sim"), MEASUREMENT, launch_bound=JOB, now=now)


@pytest.fixture(scope="module")
def software_tpm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwtpmAttester]:
    if not INSTALLED:
        pytest.skip("swtpm and tpm2-tools are not installed")
    with SwtpmAttester(tmp_path_factory.mktemp("swtpm"), MEASUREMENT, launch_bound=JOB, now=now) as started:
        yield started


def accepting(pin: str) -> Roots:
    return Roots(profile="development", simulated=frozenset({pin}))


def none(evidence: Evidence) -> Endorsements:
    return Endorsements(type=evidence.type)


def refused(evidence: Evidence, roots: Roots, when: datetime = NOW) -> str:
    with pytest.raises(CoterieError) as caught:
        verify(evidence, none(evidence), when, roots)
    return caught.value.code


def test_sim_verifies_under_its_pinned_root(sim: SimAttester) -> None:
    evidence = sim.quote(DATA)
    claims = verify(evidence, none(evidence), NOW, accepting(sim.pin))
    assert (claims.type, claims.assurance) == ("sim", "simulated")
    assert claims.measurements == {"measurement": MEASUREMENT.hex()}
    assert (claims.report_data, claims.launch_bound) == (DATA.hex(), JOB.hex())
    assert claims.root == f"SIMULATED {sim.pin}"
    assert Evidence.parse(evidence.to_bytes()) == evidence
    assert state(evidence).body == claims.body


def test_swtpm_verifies_under_its_pinned_root(software_tpm: SwtpmAttester) -> None:
    evidence = software_tpm.quote(DATA)
    claims = verify(evidence, none(evidence), NOW, accepting(software_tpm.pin))
    assert (claims.type, claims.assurance, claims.debug) == ("swtpm", "simulated", None)
    assert claims.report_data == hashlib.sha256(DATA).hexdigest()
    assert claims.measurements["pcr8"] == hashlib.sha256(bytes(32) + MEASUREMENT).hexdigest()
    assert claims.launch_bound == hashlib.sha256(bytes(32) + JOB).hexdigest()
    again = software_tpm.quote(DATA[::-1])
    assert verify(again, none(again), NOW, accepting(software_tpm.pin)).report_data != claims.report_data


def test_swtpm_is_appraised_by_what_was_put_into_its_pcrs(software_tpm: SwtpmAttester) -> None:
    evidence = software_tpm.quote(DATA)
    claims = verify(evidence, none(evidence), NOW, accepting(software_tpm.pin))

    def accepted(measurement: bytes, data: bytes, job: bytes) -> bool:
        expected = hashlib.sha256(bytes(32) + measurement).hexdigest()
        value = {
            "version": "coterie/reference/v1",
            "measurements": {"swtpm": [{"pcr8": expected}]},
            "platform": {"types": ["swtpm"], "simulated": True, "chips": "any"},
        }
        return appraise(claims, ReferenceValues.parse(canonical(value)), report_data=data, job=job).accepted

    assert accepted(MEASUREMENT, DATA, JOB)
    assert not accepted(flipped(MEASUREMENT, 0), DATA, JOB)
    assert not accepted(MEASUREMENT, flipped(DATA, 0), JOB)
    assert not accepted(MEASUREMENT, DATA, flipped(JOB, 0))


def test_another_homes_root_is_refused(sim: SimAttester, tmp_path: Path) -> None:
    other = SimulatedHome(tmp_path / "other", NOW)
    assert refused(sim.quote(DATA), accepting(other.pin)) == "CT-2235"
    assert refused(sim.quote(DATA), Roots(profile="development")) == "CT-2235"


def test_simulated_platforms_expire(sim: SimAttester) -> None:
    evidence = sim.quote(DATA)
    assert refused(evidence, accepting(sim.pin), NOW + timedelta(days=31)) == "CT-2236"
    assert refused(evidence, accepting(sim.pin), NOW - timedelta(days=1)) == "CT-2236"


@some
@given(st.data())
def test_one_flipped_bit_in_sim_evidence(sim: SimAttester, data: st.DataObject) -> None:
    blob = sim.quote(DATA).blob
    bit = data.draw(st.integers(0, 8 * len(blob) - 1))
    changed = Evidence.of("sim", flipped(blob, bit))
    assert refused(changed, accepting(sim.pin)) in {
        "CT-1110",
        "CT-2230",
        "CT-2231",
        "CT-2234",
        "CT-2235",
        "CT-2236",
    }


@pytest.fixture(scope="module")
def quoted(software_tpm: SwtpmAttester) -> bytes:
    return software_tpm.quote(DATA).blob


@some
@given(st.data())
def test_one_flipped_bit_in_swtpm_evidence(
    software_tpm: SwtpmAttester, quoted: bytes, data: st.DataObject
) -> None:
    bit = data.draw(st.integers(0, 8 * len(quoted) - 1))
    changed = Evidence.of("swtpm", flipped(quoted, bit))
    assert refused(changed, accepting(software_tpm.pin)) in {
        "CT-2230",
        "CT-2231",
        "CT-2234",
        "CT-2235",
        "CT-2236",
    }


def test_production_has_no_simulated_verifier(sim: SimAttester) -> None:
    evidence = sim.quote(DATA)
    assert refused(evidence, Roots()) == "CT-2233"
    assert set(verifiers("production")) == set(HARDWARE) == {"sgx", "tdx", "snp", "nitro", "tpm"}
    assert set(verifiers("development")) == set(ASSURANCE)
    assert not Roots().accepts_simulated


def test_production_refuses_a_simulated_root(sim: SimAttester) -> None:
    with pytest.raises(CoterieError) as caught:
        Roots(profile="production", simulated=frozenset({sim.pin}))
    assert caught.value.code == "CT-2233"


@pytest.mark.parametrize(
    "wrong",
    [
        {"tpm": frozenset({"xy"})},
        {"simulated": frozenset({"00" * 32}), "tpm_keys": frozenset({"00" * 32})},
        {"simulated": frozenset({AMD["Milan"]})},
    ],
)
def test_roots_that_make_no_sense(wrong: dict[str, frozenset[str]]) -> None:
    with pytest.raises(CoterieError) as caught:
        Roots(profile="development", **wrong)  # type: ignore[arg-type]
    assert caught.value.code == "CT-2235"


def test_production_takes_no_other_vendor_roots() -> None:
    with pytest.raises(CoterieError) as caught:
        Roots(amd={"Milan": "00" * 32})
    assert caught.value.code == "CT-2235"
    assert Roots(profile="production", amd={"Milan": AMD["Milan"]}).amd


def test_no_hardware_verifier_reads_simulated_evidence(sim: SimAttester, software_tpm: SwtpmAttester) -> None:
    for evidence in (sim.quote(DATA), software_tpm.quote(DATA)):
        for kind in HARDWARE:
            disguised = Evidence.of(
                kind, evidence.blob, {"signature": b"\0", "pcrs": b"\0"} if kind == "tpm" else {}
            )
            with pytest.raises(CoterieError) as caught:
                verify(disguised, Endorsements(type=kind), NOW, accepting(sim.pin))
            assert caught.value.code in {"CT-2230", "CT-2234"}
            with pytest.raises(CoterieError) as caught:
                state(disguised)
            assert caught.value.code == "CT-2230"


def test_software_tpm_is_no_hardware_tpm_even_if_its_root_is_pinned(
    quoted: bytes, software_tpm: SwtpmAttester
) -> None:
    """Whoever unwraps the quote and pins the simulated root for TPMs meets the name in the certificates."""
    from coterie.tee.evidence import cbor

    parts = cbor.decode(quoted[len(simulated.SWTPM) :], 2**15)
    aux = {"signature": parts["signature"], "pcrs": parts["pcrs"]}
    evidence = Evidence.of("tpm", parts["attest"], aux)
    chain = tuple(parts["certificates"])
    with pytest.raises(CoterieError) as caught:
        verify(
            evidence,
            Endorsements(type="tpm", certificates=chain),
            NOW,
            Roots(tpm=frozenset({software_tpm.pin})),
        )
    assert caught.value.code == "CT-2233"
    key = certificates.spki(certificates.load(chain[0], ""))
    pinned = Roots(tpm_keys=frozenset({certificates.key_digest(key)}))
    # The operator alone can call a key hardware, by pinning it as such.
    assert verify(evidence, Endorsements(type="tpm", keys=(key,)), NOW, pinned).assurance == "hardware"


def test_evidence_cannot_claim_another_assurance(sim: SimAttester) -> None:
    text = sim.quote(DATA).to_bytes().replace(b'"simulated"', b'"hardware"')
    with pytest.raises(CoterieError, match="CT-2230"):
        Evidence.parse(text)


def test_the_root_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = SimulatedHome(home, NOW)
    assert SimulatedHome(home, NOW).pin == first.pin
    assert (home / "root.pem").stat().st_mode & 0o777 == 0o600
    (home / "root.pem").chmod(0o644)
    with pytest.raises(CoterieError, match="CT-2248"):
        SimulatedHome(home, NOW)


def test_swtpm_needs_its_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CoterieError) as caught:
        SwtpmAttester(tmp_path, MEASUREMENT)
    assert caught.value.code == "CT-2247"
    assert "swtpm" in caught.value.detail


def test_report_data_has_64_bytes(sim: SimAttester, software_tpm: SwtpmAttester) -> None:
    for attester in (sim, software_tpm):
        with pytest.raises(CoterieError, match="CT-2248"):
            attester.quote(b"short")
