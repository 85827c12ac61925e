"""Reference values and the appraisal: what is not written is refused."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from coterie.crypto import canonical
from coterie.errors import CoterieError
from coterie.tee.evidence.appraise import Appraisal, appraise
from coterie.tee.evidence.binding import launched, reported
from coterie.tee.evidence.model import Claims
from coterie.tee.evidence.reference import PlatformPolicy, ReferenceValues
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.verify import verify
from tests.tee import material
from tests.tee.forge import NOW, SnpPlatform
from tests.tee.material import INTEL_TIME, SNP_TIME, needs_material

DATA = bytes(range(64))
JOB = b"\x22" * 32
MINIMUM = {"fmc": 1, "bootloader": 2, "tee": 3, "snp": 4, "microcode": 200}

HEAD = "version: coterie/reference/v1\n"


def claims(**change: Any) -> Claims:
    platform = SnpPlatform(crl_number=1, **change)
    return verify(platform.evidence(), platform.endorsements(), NOW, platform.roots())


def reference(**platform: Any) -> ReferenceValues:
    policy = {"types": ["snp"], "chips": "any", "minimum_svns": {"snp-turin": MINIMUM}, **platform}
    value = {
        "version": "coterie/reference/v1",
        "measurements": {"snp": [{"measurement": "ff" * 48}, {"measurement": "11" * 48}]},
        "platform": policy,
    }
    # JSON is YAML; the comment makes it read as such, with lines.
    return ReferenceValues.parse(f"# values\n{json.dumps(value, indent=1)}".encode())


def failed(appraisal: Appraisal) -> list[str]:
    assert appraisal.accepted == (not [one for one in appraisal.checks if one.outcome == "failed"])
    return [check.name for check in appraisal.checks if check.outcome == "failed"]


def test_a_good_platform_is_accepted_with_a_reason_for_every_check() -> None:
    appraisal = appraise(claims(), reference(), report_data=DATA, job=JOB)
    assert failed(appraisal) == []
    assert all(check.reason and check.outcome == "passed" for check in appraisal.checks)
    assert {check.name for check in appraisal.checks} == {
        *("report data", "launch", "measurements", "type", "assurance", "debug", "migration", "TCB status"),
        *("advisories", "security versions", "chip", "VMPL", "platform", "revocation", "age"),
    }
    appraisal.require()


@pytest.mark.parametrize(
    ("change", "platform", "check"),
    [
        ({"policy": 0x30000 | 1 << 19}, {}, "debug"),
        ({"policy": 0x30000 | 1 << 18}, {}, "migration"),
        ({"vmpl": 1}, {}, "VMPL"),
        ({}, {"vmpls": [1]}, "VMPL"),
        ({}, {"vmpls": []}, "VMPL"),
        ({}, {"minimum_svns": {}}, "security versions"),
        ({}, {"minimum_svns": {"snp-milan": MINIMUM}}, "security versions"),
        ({}, {"minimum_svns": {"snp-turin": {**MINIMUM, "microcode": 201}}}, "security versions"),
        ({}, {"minimum_svns": {"snp-turin": {**MINIMUM, "unheard": 0}}}, "security versions"),
        ({}, {"chips": []}, "chip"),
        ({}, {"chips": ["00" * 64]}, "chip"),
        ({}, {"types": ["tdx"]}, "type"),
        ({}, {"types": []}, "type"),
        ({}, {"platform": {"smt_allowed": False}}, "platform"),
        ({}, {"platform": {"unheard": True}}, "platform"),
    ],
)
def test_one_thing_wrong(change: dict[str, Any], platform: dict[str, Any], check: str) -> None:
    values = reference(**platform)
    appraisal = appraise(claims(**change), values, report_data=DATA, job=JOB)
    assert failed(appraisal) == [check]
    with pytest.raises(CoterieError) as caught:
        appraisal.require()
    assert caught.value.code == "CT-2240"
    assert check in caught.value.detail
    # The same under a grant's policy beside good reference values.
    both = appraise(claims(**change), reference(), values.platform, report_data=DATA, job=JOB)
    assert f"grant: {check}" in failed(both)


def test_allowed_chip_and_migration() -> None:
    moving = claims(policy=0x30000 | 1 << 18)
    values = reference(migration=True, chips=[moving.chip_id], platform={"smt_allowed": True})
    assert failed(appraise(moving, values, report_data=DATA, job=JOB)) == []


@pytest.mark.parametrize("bit", range(0, 384, 37))
def test_a_measurement_that_is_off_by_one_bit(bit: int) -> None:
    wrong = material.flipped(b"\x11" * 48, bit)
    appraisal = appraise(claims(patches={0x90: wrong}), reference(), report_data=DATA, job=JOB)
    assert failed(appraisal) == ["measurements"]


def test_no_measurements_for_the_type() -> None:
    values = reference().model_copy(update={"measurements": {}})
    assert failed(appraise(claims(), values, report_data=DATA, job=JOB)) == ["measurements"]
    values = reference().model_copy(update={"measurements": {"snp": ()}})
    assert failed(appraise(claims(), values, report_data=DATA, job=JOB)) == ["measurements"]


@pytest.mark.parametrize("wrong", [DATA[::-1], DATA[:63], b"", material.flipped(DATA, 9)])
def test_another_nonce(wrong: bytes) -> None:
    assert failed(appraise(claims(), reference(), report_data=wrong, job=JOB)) == ["report data"]


def test_another_job() -> None:
    assert failed(appraise(claims(), reference(), report_data=DATA, job=b"\x23" * 32)) == ["launch"]


def test_what_is_not_compared_is_said() -> None:
    appraisal = appraise(claims(), reference(), report_data=None, job=None)
    assert [check.name for check in appraisal.checks if check.outcome == "skipped"] == [
        "report data",
        "launch",
    ]


def test_missing_revocation_list() -> None:
    platform = SnpPlatform()
    found = verify(platform.evidence(), platform.endorsements(), NOW, platform.roots())
    assert failed(appraise(found, reference(), report_data=DATA, job=JOB)) == ["revocation"]
    assert failed(appraise(found, reference(missing_crl=True), report_data=DATA, job=JOB)) == []


def test_age_of_the_endorsements() -> None:
    old = claims(crl_issued=NOW.replace(month=5, day=10))
    assert failed(appraise(old, reference(max_age_days=22), report_data=DATA, job=JOB)) == []
    assert failed(appraise(old, reference(max_age_days=21), report_data=DATA, job=JOB)) == ["age"]


@needs_material
def test_open_advisories_of_sgx() -> None:
    found = verify(*material.intel("sgx_quote"), INTEL_TIME, Roots())

    def values(**platform: Any) -> ReferenceValues:
        value = {
            "version": "coterie/reference/v1",
            "measurements": {"sgx": [{"mr_enclave": found.measurements["mr_enclave"]}]},
            "platform": {"types": ["sgx"], "chips": [found.chip_id], **platform},
        }
        return ReferenceValues.parse(canonical(value))

    given = bytes.fromhex(found.report_data)
    strict = appraise(found, values(), report_data=given, job=JOB)
    assert failed(strict) == ["TCB status", "advisories"]
    listed: dict[str, Any] = {
        "tcb_statuses": ["UpToDate", "ConfigurationAndSWHardeningNeeded"],
        "accepted_advisories": ["INTEL-SA-00289", "INTEL-SA-00615"],
    }
    assert failed(appraise(found, values(**listed), report_data=given, job=JOB)) == []
    one = {**listed, "accepted_advisories": ["INTEL-SA-00289"]}
    assert failed(appraise(found, values(**one), report_data=given, job=JOB)) == ["advisories"]
    denied = {**listed, "denied_advisories": ["INTEL-SA-00615"]}
    assert failed(appraise(found, values(**denied), report_data=given, job=JOB)) == ["advisories"]
    low = {**listed, "minimum_svns": {"sgx": {"tcb_evaluation": 18}}}
    assert failed(appraise(found, values(**low), report_data=given, job=JOB)) == ["security versions"]


@needs_material
def test_real_debug_platforms_are_refused() -> None:
    from coterie.tee.evidence import nitro

    evidence, none = material.nitro("debug-mode-attestation-doc-bytes")
    found = [
        verify(evidence, none, nitro.parse(evidence.blob).made_at, Roots()),
        verify(*material.snp("debug"), SNP_TIME, Roots()),
    ]
    for one in found:
        value = {
            "version": "coterie/reference/v1",
            "measurements": {one.type: [one.measurements]},
            "platform": {
                "types": [one.type],
                "chips": "any",
                "missing_crl": True,
                "minimum_svns": {"snp-milan": {"bootloader": 0, "tee": 0, "snp": 0, "microcode": 0}},
            },
        }
        appraisal = appraise(one, ReferenceValues.parse(canonical(value)), report_data=None, job=None)
        assert failed(appraisal) == ["debug"]


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"debug": True},
        {"types": ["sim"]},
        {"types": ["sev"]},
        {"minimum_svns": {"snp": MINIMUM}},
        {"minimum_svns": {"snp-turin": {"snp": 4}}},
        {"chips": "all"},
        {"tcb_statuses": "UpToDate"},
        {"simulated": "no"},
        {"vmpls": [4]},
    ],
)
def test_reference_values_that_cannot_be_meant(change: dict[str, Any]) -> None:
    with pytest.raises(CoterieError) as caught:
        reference(**change)
    assert caught.value.code == "CT-2241"
    assert "line" in caught.value.detail


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("version: coterie/reference/v2\nmeasurements: {}\nplatform: {types: [], chips: any}", "CT-2241"),
        ("version: coterie/reference/v1\nmeasurements: {}\nplatform: {types: []}", "CT-2241"),
        (f"{HEAD}measurements: {{tdx: [{{mr_td: '00'}}]}}\nplatform: {{types: [], chips: any}}", "CT-2241"),
        (
            "version: coterie/reference/v1\nmeasurements: {tpm: [{}]}\nplatform: {types: [], chips: any}",
            "CT-2241",
        ),
        ("version: &a b", "CT-1402"),
        ('{"version": 1, "version": 2}', "CT-1110"),
        ('{"version": "coterie/reference/v1"}', "CT-2241"),
        ("\udcff", "CT-2241"),
        ("x" * (2**20 + 1), "CT-2241"),
    ],
)
def test_files_that_are_no_reference_values(text: str, code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        ReferenceValues.parse(text.encode(errors="surrogateescape"))
    assert caught.value.code == code


def test_simulated_platforms_pass_only_where_it_is_said() -> None:
    simulated = claims().model_copy(
        update={"type": "sim", "assurance": "simulated", "svns": {}, "vmpl": None}
    )
    values = reference(types=["sim"], simulated=True).model_copy(
        update={"measurements": {"sim": ({"measurement": "11" * 48},)}}
    )
    assert failed(appraise(simulated, values, report_data=DATA, job=JOB)) == []
    hardware = PlatformPolicy(types=("snp",), chips="any")
    assert failed(appraise(simulated, values, hardware, report_data=DATA, job=JOB)) == [
        "grant: type",
        "grant: assurance",
    ]


def test_where_platforms_carry_what_they_are_bound_to() -> None:
    assert reported("snp", DATA) == DATA
    assert reported("tpm", DATA) == reported("swtpm", DATA) == hashlib.sha256(DATA).digest()
    assert launched("snp", JOB) == launched("sim", JOB) == JOB
    assert launched("tdx", JOB) == JOB + bytes(16)
    assert launched("nitro", JOB) == hashlib.sha384(bytes(48) + JOB).digest()
    assert launched("tpm", JOB) == hashlib.sha256(bytes(32) + JOB).digest()
    assert launched("sgx", JOB) is None
