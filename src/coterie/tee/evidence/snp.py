"""AMD SEV-SNP attestation reports: AMD 56860, *SEV Secure Nested Paging Firmware ABI*, section 7.3
(report), 4.3 (policy), and AMD 57230, *VCEK certificate and KDS interface*, section 3.1 (certificates).

Milan, Genoa (with Bergamo and Siena) and Turin, report versions 2, 3 and 5, signed by a chip's VCEK. A
report that a cloud provider's VLEK signed is refused as unsupported: it names no chip.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from coterie.crypto import digest, timestamp
from coterie.tee.evidence import certificates, der
from coterie.tee.evidence.errors import (
    BAD_ENDORSEMENTS,
    BAD_EVIDENCE,
    ENDORSEMENTS_DIFFER,
    EVIDENCE_FORGED,
    EVIDENCE_UNSUPPORTED,
)
from coterie.tee.evidence.model import Claims, Endorsements, Evidence, Revocation, Statements
from coterie.tee.evidence.roots import Roots

REPORT: Final = 0x4A0
SIGNED: Final = 0x2A0
_SCALAR = 72
_ECDSA_P384_SHA384 = 1
_SIGNING_KEYS = {0: "VCEK", 1: "VLEK"}
_POLICY_MUST_BE_ONE = 1 << 17
_POLICY_RESERVED = -1 << 26
_FLAGS_RESERVED = -1 << 5

TCB = {
    "Milan": {"bootloader": 0, "tee": 1, "snp": 6, "microcode": 7},
    "Genoa": {"bootloader": 0, "tee": 1, "snp": 6, "microcode": 7},
    "Turin": {"fmc": 0, "bootloader": 1, "tee": 2, "snp": 3, "microcode": 7},
}
"""Bytes of a TCB_VERSION by component; the others are reserved (56860, section 2.2)."""
_PRODUCT_OID, _CHIP_OID = "1.3.6.1.4.1.3704.1.2", "1.3.6.1.4.1.3704.1.4"
_TCB_OIDS = {
    "bootloader": "1.3.6.1.4.1.3704.1.3.1",
    "tee": "1.3.6.1.4.1.3704.1.3.2",
    "snp": "1.3.6.1.4.1.3704.1.3.3",
    "microcode": "1.3.6.1.4.1.3704.1.3.8",
    "fmc": "1.3.6.1.4.1.3704.1.3.9",
}
_POLICY = {
    "smt_allowed": 16,
    "single_socket": 20,
    "cxl_allowed": 21,
    "aes_256_xts": 22,
    "rapl_disabled": 23,
    "ciphertext_hiding": 24,
    "page_swap_disabled": 25,
}
_PLATFORM = {"smt": 0, "tsme": 1, "ecc": 2, "alias_check": 5}


@dataclass(frozen=True)
class Report:
    """The fields of a report that are used; nothing is verified."""

    version: int
    guest_svn: int
    policy: int
    vmpl: int
    signing_key: int
    author_key: bool
    platform: int
    report_data: bytes
    measurement: bytes
    host_data: bytes
    id_key_digest: bytes
    current: bytes
    reported: bytes
    committed: bytes
    launch: bytes
    family_model: tuple[int, int] | None
    chip_id: bytes
    signed: bytes
    r: int
    s: int


def parse(blob: bytes) -> Report:
    """Read a report.

    Errors: CT-2230 (size, reserved bits, an algorithm that the ABI has not), CT-2232 (another version).
    """
    if len(blob) != REPORT:
        raise BAD_EVIDENCE(f"an SNP report has {REPORT} bytes, this has {len(blob)}")
    version, guest_svn, policy = struct.unpack_from("<IIQ", blob)
    vmpl, algorithm = struct.unpack_from("<II", blob, 0x30)
    platform, flags, reserved = struct.unpack_from("<QII", blob, 0x40)
    if version not in (2, 3, 5):
        raise EVIDENCE_UNSUPPORTED(f"an SNP report of version {version}; known are 2, 3 and 5")
    if algorithm != _ECDSA_P384_SHA384:
        raise BAD_EVIDENCE(f"signature algorithm {algorithm}")
    if policy & _POLICY_RESERVED or not policy & _POLICY_MUST_BE_ONE or flags & _FLAGS_RESERVED or reserved:
        raise BAD_EVIDENCE("reserved bits of the policy or the flags are not as they must be")
    unused = [(0x1EB, 0x1EC), (0x1EF, 0x1F0), (0x208 if version >= 5 else 0x1F8, SIGNED)]
    unused += [(0x18B if version >= 3 else 0x188, 0x1A0)]
    # What follows the two scalars is not signed; it is held at zero, so that nobody can hide anything there.
    unused += [(SIGNED + 48, SIGNED + 72), (SIGNED + 72 + 48, REPORT)]
    if any(any(blob[start:end]) for start, end in unused):
        raise BAD_EVIDENCE("reserved bytes are not zero")
    return Report(
        version=version,
        guest_svn=guest_svn,
        policy=policy,
        vmpl=vmpl,
        signing_key=flags >> 2 & 7,
        author_key=bool(flags & 1),
        platform=platform,
        report_data=blob[0x50:0x90],
        measurement=blob[0x90:0xC0],
        host_data=blob[0xC0:0xE0],
        id_key_digest=blob[0xE0:0x110],
        current=blob[0x38:0x40],
        reported=blob[0x180:0x188],
        committed=blob[0x1E0:0x1E8],
        launch=blob[0x1F0:0x1F8],
        family_model=(blob[0x188], blob[0x189]) if version >= 3 else None,
        chip_id=blob[0x1A0:0x1E0],
        signed=blob[:SIGNED],
        r=int.from_bytes(blob[SIGNED : SIGNED + _SCALAR], "little"),
        s=int.from_bytes(blob[SIGNED + _SCALAR : SIGNED + 2 * _SCALAR], "little"),
    )


def state(evidence: Evidence) -> Statements:
    """What a report states, unverified. Errors: as :func:`parse`."""
    report = parse(evidence.blob)
    return Statements.model_validate(_statements(evidence, report, _product_of(report)))


def verify(evidence: Evidence, endorsements: Endorsements, now: datetime, roots: Roots) -> Claims:
    """Verify a report with ``certificates`` VCEK, ASK, ARK, and a ``crl`` of the ARK where there is one.

    Checked: ARK pinned, the chain and its dates, the VCEK's issuer and its signature; no revocation of the
    ASK; the report's signature by the VCEK; and that the VCEK is the one of this report: its HWID is the
    report's CHIP_ID, its five TCB extensions are REPORTED_TCB, its product fits the chain and (from
    version 3 on) CPUID.

    Errors: CT-2230 to CT-2232, CT-2234 to CT-2237, CT-2239.
    """
    report = parse(evidence.blob)
    if report.signing_key != 0:
        kind = _SIGNING_KEYS.get(report.signing_key, "no key")
        raise EVIDENCE_UNSUPPORTED(f"the report is signed by {kind}; only VCEKs are supported")
    if len(endorsements.certificates) != 3 or endorsements.keys or endorsements.collateral:
        raise BAD_ENDORSEMENTS("an SNP report needs three certificates: VCEK, ASK, ARK")
    if len(endorsements.crls) > 1:
        raise BAD_ENDORSEMENTS("an SNP report needs one revocation list at most, of the ARK")
    chain = [certificates.load(one, "ASK or ARK") for one in endorsements.certificates[1:]]
    root = certificates.check_chain(chain, now, roots.amd)
    product = root.split()[0]
    chip = der.parse_chip_certificate(endorsements.certificates[0])
    if chip.name != "SEV-VCEK":
        raise EVIDENCE_UNSUPPORTED(f"the chip's certificate is a '{chip.name[:40]}', not a VCEK")
    with certificates.readable(chain[0]):
        chip.check_issued_by(der.subject_of(endorsements.certificates[1]), chain[0].public_key())
    certificates.check_window("the VCEK", chip.not_before, chip.not_after, now)
    _check_signature(report, chip)
    _check_same_chip(report, chip, product)
    revocation: Revocation = "absent"
    issued: datetime | None = None
    end = min(chip.not_after, certificates.ends(chain))
    marks: dict[str, int] = {}
    for crl in endorsements.crls:
        # AMD's list is the ARK's; it names intermediates. VCEKs all have the serial number 0.
        end = min(end, certificates.check_revocation(crl, chain[1], now, [chain[0].serial_number]))
        revocation = "checked"
        marks, issued = certificates.crl_marks(crl, chain[1])
    return Claims.model_validate(
        {
            **_statements(evidence, report, product),
            "verified_at": timestamp(now),
            "root": f"AMD ARK-{root}",
            "revocation": revocation,
            "issued": timestamp(issued) if issued else None,
            "valid_until": timestamp(end),
            "marks": marks,
        }
    )


def _check_signature(report: Report, chip: der.ChipCertificate) -> None:
    try:
        chip.key.verify(encode_dss_signature(report.r, report.s), report.signed, ec.ECDSA(SHA384()))
    except InvalidSignature as error:
        raise EVIDENCE_FORGED("the VCEK did not sign this report") from error


def _check_same_chip(report: Report, chip: der.ChipCertificate, product: str) -> None:
    """Errors: CT-2237 unless the certificate is of the report's chip and firmware."""
    if chip.text(_PRODUCT_OID).split("-")[0] != product:
        raise ENDORSEMENTS_DIFFER(f"the VCEK is of another product than {product}")
    if report.family_model is not None and _product_of(report) != product:
        raise ENDORSEMENTS_DIFFER(f"the report's CPUID is of another product than {product}")
    size = 8 if product == "Turin" else 64  # 57230, table 11: Turin's HWID is the first 8 bytes of CHIP_ID
    if not any(report.chip_id):
        raise ENDORSEMENTS_DIFFER("the report hides its CHIP_ID, so no VCEK can be held against it")
    if chip.octets(_CHIP_OID, size).ljust(64, b"\0") != report.chip_id:
        raise ENDORSEMENTS_DIFFER("the VCEK's HWID is not the report's CHIP_ID")
    for name, value in _tcb(report.reported, product).items():
        if chip.number(_TCB_OIDS[name]) != value:
            raise ENDORSEMENTS_DIFFER(f"the VCEK is for another {name} version than REPORTED_TCB")


def _tcb(version: bytes, product: str) -> dict[str, int]:
    places = TCB[product]
    if any(value for place, value in enumerate(version) if place not in places.values()):
        raise BAD_EVIDENCE("reserved bytes of a TCB version are not zero")
    return {name: version[place] for name, place in places.items()}


def _product_of(report: Report) -> str | None:
    """The product by CPUID family and model, which reports have from version 3 on (57230, table 9)."""
    if report.family_model is None:
        return None
    family, model = report.family_model
    if family == 0x19:
        return (
            "Milan"
            if model <= 0x0F
            else "Genoa"
            if model in (*range(0x10, 0x20), *range(0xA0, 0xB0))
            else None
        )
    return "Turin" if family == 0x1A and model <= 0x1F else None


def _statements(evidence: Evidence, report: Report, product: str | None) -> dict[str, object]:
    svns = {"guest": report.guest_svn}
    if product is not None:
        svns |= _tcb(report.reported, product)
        for name in ("committed", "launch", "current"):
            svns |= {f"{name}.{part}": n for part, n in _tcb(getattr(report, name), product).items()}
    policy: dict[str, bool | int] = {name: bool(report.policy >> bit & 1) for name, bit in _POLICY.items()}
    policy |= {f"platform.{name}": bool(report.platform >> bit & 1) for name, bit in _PLATFORM.items()}
    policy |= {"abi_minor": report.policy & 0xFF, "abi_major": report.policy >> 8 & 0xFF}
    measurements = {"measurement": report.measurement.hex()}
    if any(report.id_key_digest):
        measurements["id_key_digest"] = report.id_key_digest.hex()
    return {
        "type": evidence.type,
        "assurance": evidence.assurance,
        "measurements": measurements,
        "report_data": report.report_data.hex(),
        "launch_bound": report.host_data.hex(),
        "debug": bool(report.policy >> 19 & 1),
        "migratable": bool(report.policy >> 18 & 1),
        "svns": svns,
        "chip_id": report.chip_id.hex(),
        "product": product,
        "vmpl": report.vmpl,
        "policy": policy,
        "body": digest(report.signed),
    }
