"""Row by row, the list of real evidence that lies beside the project: what each must come to, and that one
bit of it, of what is expected of it, or of its nonce, makes another answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from coterie.crypto import canonical
from coterie.errors import CoterieError
from coterie.tee.evidence import certificates, nitro, snp
from coterie.tee.evidence.appraise import appraise
from coterie.tee.evidence.model import Claims, Endorsements, Evidence
from coterie.tee.evidence.reference import ReferenceValues
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.verify import verify
from tests.tee import material
from tests.tee.material import INTEL_TIME, SNP_TIME, at, flipped, needs_material, with_blob

pytestmark = needs_material

Load = Callable[[], tuple[Evidence, Endorsements]]
ZERO_SVNS = {"snp-milan": {"bootloader": 0, "tee": 0, "snp": 0, "microcode": 0}}
STATUS, OPEN = "ConfigurationAndSWHardeningNeeded", ["INTEL-SA-00289", "INTEL-SA-00615"]


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    names: str
    """Its first cell begins with this."""
    load: Load
    signed: int = 0
    """Bytes of the blob, from its start, of which each bit is under a signature; 0: all of them."""
    when: datetime | None = SNP_TIME
    """None: the evidence's own time."""
    code: str | None = None
    """Of the refusal, where it does not verify."""
    fails: tuple[str, ...] = ()
    """Checks of a strict policy that it does not pass, though it verifies."""
    policy: dict[str, Any] = field(default_factory=dict)
    """What must be allowed beyond a strict policy, so that it passes."""

    def now(self) -> datetime:
        return self.when or nitro.parse(self.load()[0].blob).made_at


def snp_row(name: str, report: str, **changes: Any) -> Row:
    """The signature covers the first 0x2A0 bytes, is itself of 144, and what follows must be zero."""
    return Row(name, lambda: material.snp(report), snp.REPORT, **changes)


def forged(name: str) -> Load:
    return lambda: (
        material.snp("trustee")[0],
        material.snp_endorsements(material.read(f"snp/trustee/{name}")),
    )


def other_chain(product: str) -> Load:
    def load() -> tuple[Evidence, Endorsements]:
        evidence, endorsements = material.snp("trustee")
        return evidence, material.snp_endorsements(endorsements.certificates[0], product)

    return load


SGX: dict[str, Any] = {"tcb_statuses": [STATUS], "accepted_advisories": OPEN}
ROWS = (
    Row("intel/sgx_quote", lambda: material.intel("sgx_quote"), 432, INTEL_TIME, None, tuple(SGX), SGX),
    Row("intel/tdx_quote +", lambda: material.intel("tdx_quote"), 632, INTEL_TIME),
    Row(
        "intel/tdx_quote_outdated",
        lambda: material.intel("tdx_quote_outdated"),
        638,
        at("2026-03-01"),
        "CT-2238",
    ),
    snp_row("snp/virtee-sev", "virtee"),
    snp_row("snp/trustee test-report.bin", "trustee"),
    Row("snp/trustee test-vcek-invalid", forged("test-vcek-invalid-new.der"), snp.REPORT, code="CT-2235"),
    Row("snp/trustee test-vcek-invalid", forged("test-vcek-invalid-legacy.der"), snp.REPORT, code="CT-2235"),
    snp_row("snp/go-sev-guest attestation.bin", "debug", fails=("debug",)),
    Row("snp/go-sev-guest ask_ark", other_chain("genoa"), snp.REPORT, code="CT-2235"),
    Row("snp/go-sev-guest ask_ark", other_chain("turin"), snp.REPORT, code="CT-2235"),
    Row("nitro/valid", lambda: material.nitro("valid-attestation-doc-bytes"), when=None),
    Row(
        "nitro/debug-mode",
        lambda: material.nitro("debug-mode-attestation-doc-bytes"),
        when=None,
        fails=("debug",),
    ),
    Row(
        "nitro/debug-mode",
        lambda: material.nitro("valid-attestation-doc-base64"),
        when=None,
        fails=("debug",),
    ),
    Row("tpm/q.msg", material.tpm),
)
GOOD = [row for row in ROWS if row.code is None]


def name_of(row: Row) -> str:
    return row.names.replace(" ", "-") + f"-{ROWS.index(row)}"


def roots() -> Roots:
    key = material.tpm()[1].keys[0]
    return Roots(tpm_keys=frozenset({certificates.key_digest(key)}))


def verified(row: Row) -> Claims:
    return verify(*row.load(), row.now(), roots())


def reference(claims: Claims, measurements: dict[str, str] | None = None, **policy: Any) -> ReferenceValues:
    """What expects exactly this platform; nothing that has to be allowed is, but by ``policy``."""
    value = {
        "version": "coterie/reference/v1",
        "measurements": {claims.type: [measurements or claims.measurements]},
        "platform": {
            "types": [claims.type],
            "chips": [claims.chip_id],
            "missing_crl": claims.type == "snp",
            "minimum_svns": ZERO_SVNS,
            **policy,
        },
    }
    return ReferenceValues.parse(canonical(value))


def failed(claims: Claims, values: ReferenceValues, report_data: bytes | None) -> tuple[str, ...]:
    checks = appraise(claims, values, report_data=report_data, job=None).checks
    return tuple(check.name for check in checks if check.outcome == "failed")


def nonce_of(claims: Claims) -> bytes | None:
    """What it was asked to carry, where that has the 64 bytes that the product asks for. In these recordings
    TPM and Nitro carried something else: that it is not what was asked for is then seen all the same.
    """
    carried = bytes.fromhex(claims.report_data)
    return carried if len(carried) == 64 else None


def test_every_line_of_the_list_is_here() -> None:
    listed = re.findall(r"^\| ((?:intel|snp|nitro|tpm)/[^|]*) \|", material.read("README.md").decode(), re.M)
    assert len(listed) == 11
    unknown = [line for line in listed if not any(line.startswith(row.names) for row in ROWS)]
    assert unknown == []
    assert {row.names for row in ROWS if not any(line.startswith(row.names) for line in listed)} == set()


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_the_expected_outcome(row: Row) -> None:
    if row.code is not None:
        with pytest.raises(CoterieError) as caught:
            verified(row)
        assert caught.value.code == row.code
        return
    claims = verified(row)
    strict = failed(claims, reference(claims), nonce_of(claims))
    assert strict == {(): (), ("debug",): ("debug",)}.get(row.fails, ("TCB status", "advisories"))
    if row.policy:
        assert failed(claims, reference(claims, **row.policy), nonce_of(claims)) == ()


@pytest.mark.parametrize("row", ROWS, ids=name_of)
@pytest.mark.parametrize("part", range(23))
def test_one_flipped_bit_of_what_is_signed(row: Row, part: int) -> None:
    evidence, endorsements = row.load()
    bits = 8 * (row.signed or len(evidence.blob))
    bit = bits * part // 23 + part % 8
    changed = with_blob(evidence, flipped(evidence.blob, bit))
    with pytest.raises(CoterieError) as caught:
        verify(changed, endorsements, row.now(), roots())
    assert re.fullmatch(r"CT-22(3[0-8])", caught.value.code)


@pytest.mark.parametrize("row", GOOD, ids=name_of)
def test_a_measurement_that_is_expected_otherwise_by_one_bit(row: Row) -> None:
    claims = verified(row)
    for name, value in claims.measurements.items():
        for bit in (0, 4 * len(value) - 1):
            other = claims.measurements | {name: flipped(bytes.fromhex(value), bit).hex()}
            found = failed(claims, reference(claims, other, **row.policy), nonce_of(claims))
            assert set(found) - set(row.fails) == {"measurements"}, name


@pytest.mark.parametrize("row", GOOD, ids=name_of)
def test_another_nonce(row: Row) -> None:
    claims = verified(row)
    values = reference(claims, **row.policy)
    carried = bytes.fromhex(claims.report_data)
    wrong = [bytes(64), carried.ljust(64, b"\0")[:64]] if len(carried) != 64 else []
    for given in [*wrong, *(flipped(carried, bit) for bit in range(0, 8 * len(carried), 101))]:
        assert "report data" in failed(claims, values, given)


def test_the_tpms_nonce_is_the_one_that_was_given_to_it() -> None:
    claims = verified(next(row for row in ROWS if row.names.startswith("tpm")))
    assert claims.report_data == material.read("tpm/nonce.hex").decode().strip()


@pytest.mark.parametrize(
    ("row", "later", "earlier"),
    [
        ("intel/tdx_quote +", timedelta(days=60), timedelta(days=730)),
        ("intel/sgx_quote", timedelta(days=60), timedelta(days=730)),
        ("nitro/valid", timedelta(hours=4), timedelta(hours=1)),
        ("nitro/debug-mode", timedelta(hours=4), timedelta(hours=1)),
        ("snp/virtee-sev", timedelta(days=3650), timedelta(days=3650)),
        ("snp/trustee test-report.bin", timedelta(days=3650), timedelta(days=3650)),
        ("snp/go-sev-guest attestation.bin", timedelta(days=3650), timedelta(days=3650)),
    ],
)
def test_another_time(row: str, later: timedelta, earlier: timedelta) -> None:
    found = next(one for one in ROWS if one.names == row)
    for moment in (found.now() + later, found.now() - earlier):
        with pytest.raises(CoterieError) as caught:
            verify(*found.load(), moment, roots())
        assert caught.value.code == "CT-2236"


def test_a_denied_advisory_refuses_what_a_status_allows() -> None:
    row = ROWS[0]
    claims = verified(row)
    for advisory in OPEN:
        values = reference(claims, **SGX, denied_advisories=[advisory])
        assert failed(claims, values, nonce_of(claims)) == ("advisories",)
        left = [one for one in OPEN if one != advisory]
        values = reference(claims, **{**SGX, "accepted_advisories": left})
        assert failed(claims, values, nonce_of(claims)) == ("advisories",)
