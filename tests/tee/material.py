"""Real evidence of real machines, where it lies beside the project; tests without it skip."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from coterie.tee.evidence.model import Endorsements, Evidence, EvidenceType

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "evidence"

needs_material = pytest.mark.skipif(not FOLDER.is_dir(), reason="no real evidence beside the project")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def amd_chain(product: str) -> tuple[bytes, ...]:
    """ASK and ARK, DER."""
    name = "turin_vcek" if product == "turin" else product
    pem = read(f"snp/go-sev-guest/ask_ark_{name}.pem")
    return tuple(one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(pem))


REPORTS = {
    "trustee": ("snp/trustee/test-report.bin", "snp/trustee/test-vcek.der"),
    "virtee": (
        "snp/virtee-sev/tests_certs_data_report_milan.hex",
        "snp/virtee-sev/tests_certs_data_vcek_milan.der",
    ),
    "debug": ("snp/go-sev-guest/attestation.bin", "snp/go-sev-guest/vcek.testcer"),
}
SNP_TIME = at("2025-01-01")


def snp(name: str) -> tuple[Evidence, Endorsements]:
    report, vcek = REPORTS[name]
    blob = read(report)
    if report.endswith(".hex"):
        blob = bytes.fromhex(blob.decode())
    return Evidence.of("snp", blob), snp_endorsements(read(vcek))


def snp_endorsements(vcek: bytes, product: str = "milan") -> Endorsements:
    return Endorsements(type="snp", certificates=(vcek, *amd_chain(product)))


INTEL_TIME = at("2025-07-01")


def intel(name: str) -> tuple[Evidence, Endorsements]:
    kind: EvidenceType = "sgx" if name.startswith("sgx") else "tdx"
    collateral = json.loads(read(f"intel/{name}_collateral.json"))
    return Evidence.of(kind, read(f"intel/{name}")), Endorsements(type=kind, collateral=collateral)


NITRO = ("valid-attestation-doc-bytes", "debug-mode-attestation-doc-bytes", "valid-attestation-doc-base64")


def nitro(name: str) -> tuple[Evidence, Endorsements]:
    blob = read(f"nitro/{name}")
    if name.endswith("base64"):
        blob = base64.b64decode(blob)
    return Evidence.of("nitro", blob), Endorsements(type="nitro")


def tpm_signature(der: bytes) -> bytes:
    """TPMT_SIGNATURE, ECDSA with SHA-256, of the same signature in DER."""
    r, s = (value.to_bytes(32, "big") for value in decode_dss_signature(der))
    return b"\x00\x18\x00\x0b" + b"".join(len(part).to_bytes(2, "big") + part for part in (r, s))


def tpm() -> tuple[Evidence, Endorsements]:
    """The quote selects PCRs 0, 1, 7 and 16 of the SHA-256 bank."""
    listed = read("tpm/q.pcrs")
    # tpm2_quote writes the selection and then digests in slots of 64 bytes behind their sizes.
    start = listed.index(b"\x04\x00\x00\x00\x20\x00") + 4
    pcrs = b"".join(listed[start + 66 * i + 2 : start + 66 * i + 34] for i in range(4))
    key = load_pem_public_key(read("tpm/ak.pem"))
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    aux = {"signature": tpm_signature(read("tpm/q.sig")), "pcrs": pcrs}
    return Evidence.of("tpm", read("tpm/q.msg"), aux), Endorsements(type="tpm", keys=(spki,))


def flipped(blob: bytes, bit: int) -> bytes:
    """One bit changed."""
    changed = bytearray(blob)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def with_blob(evidence: Evidence, blob: bytes) -> Evidence:
    return Evidence.of(evidence.type, blob, dict(evidence.aux))
