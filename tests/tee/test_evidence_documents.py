"""Documents, files that people have, bindings and nonces."""

from __future__ import annotations

import hashlib
import json
import struct
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.crypto import canonical
from coterie.errors import CoterieError
from coterie.tee.evidence import nonces
from coterie.tee.evidence.binding import ReportBinding
from coterie.tee.evidence.files import certificate_table, read_endorsements, read_evidence
from coterie.tee.evidence.model import ASSURANCE, MAX_BLOB, Endorsements, Evidence, EvidenceType
from coterie.tee.evidence.nonces import NonceBook
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.store import platform_key
from coterie.tee.evidence.verify import state, verify
from tests.tee import material
from tests.tee.forge import NOW, SnpPlatform
from tests.tee.material import INTEL_TIME, needs_material

GOOD = {"version": "coterie/evidence/v1", "type": "snp", "assurance": "hardware", "blob": "AAEC", "aux": {}}


def code(call: Any, *arguments: Any) -> str:
    with pytest.raises(CoterieError) as caught:
        call(*arguments)
    return caught.value.code


def test_evidence_has_one_form() -> None:
    evidence = Evidence.parse(json.dumps(GOOD).encode())
    assert evidence.blob == b"\0\1\2"
    assert evidence.to_bytes() == canonical(GOOD)
    assert evidence.digest == f"sha256:{hashlib.sha256(canonical(GOOD)).hexdigest()}"


@pytest.mark.parametrize(
    "change",
    [
        {"version": "coterie/evidence/v2"},
        {"type": "sev"},
        {"assurance": "simulated"},
        {"assurance": "high"},
        {"blob": ""},
        {"blob": "AAE"},
        {"blob": "AAEC\n"},
        {"blob": "AAED=="},
        {"blob": "AB=="},
        {"blob": 5},
        {"blob": "A" * (4 * MAX_BLOB)},
        {"aux": {"Name": "AA=="}},
        {"aux": {f"n{i}": "AA==" for i in range(9)}},
        {"aux": {"n": "A" * (4 * MAX_BLOB)}},
        {"more": 1},
    ],
)
def test_evidence_of_another_form(change: dict[str, object]) -> None:
    assert code(Evidence.parse, json.dumps({**GOOD, **change}).encode()) == "CT-2230"


def test_evidence_of_any_size_is_bounded() -> None:
    assert code(Evidence.parse, b"{" + b" " * 2**20) == "CT-1110"
    assert code(Evidence.of, "snp", bytes(MAX_BLOB + 1)) == "CT-2230"
    assert (
        code(Endorsements.parse, b'{"version":"coterie/endorsements/v1","type":"snp","extra":1}') == "CT-2234"
    )


@given(st.sampled_from(sorted(ASSURANCE)), st.binary(min_size=1, max_size=800))
def test_any_bytes_as_evidence(kind: EvidenceType, blob: bytes) -> None:
    evidence = Evidence.of(kind, blob, {"signature": blob, "pcrs": b""} if kind == "tpm" else {})
    for call in (state, platform_key):
        try:
            call(evidence)
        except CoterieError as error:
            assert error.code in {"CT-2230", "CT-2232", "CT-1110"}  # noqa: PT017


@needs_material
@given(st.sampled_from(["sgx_quote", "tdx_quote"]), st.integers(0, 4000), st.binary(max_size=200))
def test_any_bytes_behind_the_head_of_a_quote(name: str, place: int, content: bytes) -> None:
    evidence, endorsements = material.intel(name)
    blob = evidence.blob[:place] + content + evidence.blob[place + len(content) :]
    try:
        verify(Evidence.of(evidence.type, blob), endorsements, INTEL_TIME, Roots())
    except CoterieError as error:
        assert error.code.startswith("CT-22")  # noqa: PT017


# Files


@needs_material
def test_endorsements_come_in_any_order() -> None:
    evidence, wanted = material.snp("trustee")
    vcek = material.read("snp/trustee/test-vcek.der")
    chain = material.read("snp/go-sev-guest/ask_ark_milan.pem")
    assert read_endorsements("snp", [chain, vcek]) == read_endorsements("snp", [vcek, chain]) == wanted
    assert read_endorsements("snp", [wanted.to_bytes()]) == wanted
    collateral = material.read("intel/tdx_quote_collateral.json")
    assert read_endorsements("tdx", [collateral]) == material.intel("tdx_quote")[1]
    assert read_endorsements("tpm", [material.read("tpm/ak.pem")]) == material.tpm()[1]
    assert read_endorsements("tpm", list(material.tpm()[1].keys)) == material.tpm()[1]
    assert read_evidence(evidence.blob, "snp") == evidence == read_evidence(evidence.to_bytes(), None)


def test_revocation_lists_are_told_apart() -> None:
    platform = SnpPlatform(crl_number=3)
    wanted = platform.endorsements()
    assert read_endorsements("snp", [*wanted.crls, *reversed(wanted.certificates)]) == wanted


@pytest.mark.parametrize(
    "content",
    [
        b"-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        b"neither",
        b'{"tcb_info": 5}',
        bytes(5 * 2**20),
        b"0" * 9000,
    ],
)
def test_files_that_are_no_endorsements(content: bytes) -> None:
    assert code(read_endorsements, "tdx", [content]) == "CT-2234"


def test_types_that_are_more_than_a_blob() -> None:
    assert code(read_evidence, b"x", "tpm") == "CT-2232"


def table(parts: dict[str, bytes], *, beyond: int = 0) -> bytes:
    heads, body = b"", b""
    start = 24 * (len(parts) + 1)
    for name, content in parts.items():
        heads += struct.pack("<16sII", UUID(name).bytes_le, start + len(body), len(content) + beyond)
        body += content
    return heads + bytes(24) + body


def test_certificates_that_the_host_gave() -> None:
    platform = SnpPlatform()
    vcek, ask, ark = platform.endorsements().certificates
    names = {
        "c0b406a4-a803-4952-9743-3fb6014cd0ae": ark,
        "4ab7b379-bbac-4fe4-a02f-05aef327c782": ask,
        "63da758d-e664-4564-adc5-f4b93be8accd": vcek,
    }
    blob = platform.evidence().blob
    found = certificate_table(Evidence.of("snp", blob, {"certificates": table(names)}))
    assert found == Endorsements(type="snp", certificates=(vcek, ask, ark))
    assert certificate_table(Evidence.of("snp", blob)) is None
    del names["4ab7b379-bbac-4fe4-a02f-05aef327c782"]
    assert certificate_table(Evidence.of("snp", blob, {"certificates": table(names)})) is None
    cut = Evidence.of("snp", blob, {"certificates": table(names, beyond=10**6)})
    assert code(certificate_table, cut) == "CT-2234"


# Bindings

BINDING: dict[str, Any] = {
    "nonce": "01" * 32,
    "provider": "bank",
    "hpke_pk": "02" * 1216,
    "receipt_pk": "06" * 32,
    "job": "sha256:" + "03" * 32,
    "grants_root": "sha256:" + "04" * 32,
    "log_checkpoint": "sha256:" + "05" * 32,
    "assurance": "hardware",
}
CHANGES = {
    "nonce": "01" * 31 + "00",
    "provider": "shop",
    "hpke_pk": "02" * 1215 + "03",
    "receipt_pk": "06" * 31 + "07",
    "job": "sha256:" + "00" * 32,
    "grants_root": "sha256:" + "00" * 32,
    "log_checkpoint": "sha256:" + "00" * 32,
    "assurance": "simulated",
}


def test_report_data_is_what_the_format_says() -> None:
    text = (
        f'{{"assurance":"hardware","grants_root":"sha256:{"04" * 32}","hpke_pk":"{"02" * 1216}",'
        f'"job":"sha256:{"03" * 32}","log_checkpoint":"sha256:{"05" * 32}","nonce":"{"01" * 32}",'
        f'"provider":"bank","receipt_pk":"{"06" * 32}","version":"coterie/ra/v1"}}'
    )
    expected = hashlib.sha512(b"coterie/ra/v1" + text.encode()).digest()
    assert ReportBinding(**BINDING).report_data() == expected


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_report_data_depends_on_everything(field: str) -> None:
    changed = ReportBinding(**{**BINDING, field: CHANGES[field]})
    assert changed.report_data() != ReportBinding(**BINDING).report_data()


# Nonces


def test_a_nonce_is_good_once() -> None:
    book = NonceBook()
    nonce = book.issue("job 1", NOW)
    assert len(nonce) == 32
    book.spend(nonce, "job 1", NOW + timedelta(seconds=300))
    assert code(book.spend, nonce, "job 1", NOW) == "CT-2245"


def test_nonces_that_are_not_good() -> None:
    book = NonceBook()
    assert code(book.spend, bytes(32), "job 1", NOW) == "CT-2245"
    assert code(book.spend, book.issue("job 1", NOW), "job 1", NOW + timedelta(seconds=301)) == "CT-2245"
    assert code(book.spend, book.issue("job 1", NOW), "job 1", NOW - timedelta(seconds=1)) == "CT-2245"
    stolen = book.issue("job 1", NOW)
    assert code(book.spend, stolen, "job 2", NOW) == "CT-2245"
    assert code(book.spend, stolen, "job 1", NOW) == "CT-2245"  # whoever tried it has used it up
    assert code(NonceBook().spend, book.issue("job 1", NOW), "job 1", NOW) == "CT-2245"


def test_nonces_do_not_pile_up() -> None:
    book = NonceBook()
    for number in range(nonces.MOST):
        book.issue(f"job {number // nonces.MOST_EACH}", NOW)
    assert code(book.issue, "job", NOW) == "CT-2246"
    assert book.issue("job", NOW + timedelta(seconds=301))


def test_the_runner_of_one_job_cannot_take_the_nonces_of_others() -> None:
    book = NonceBook()
    for _ in range(nonces.MOST_EACH):
        book.issue("job", NOW)
    assert code(book.issue, "job", NOW) == "CT-2246"
    assert book.issue("another", NOW)
