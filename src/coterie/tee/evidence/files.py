"""Evidence and endorsements out of the files that people have: ours, and the vendors' own."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_public_key,
)

from coterie.crypto import parse_json
from coterie.tee.evidence import der
from coterie.tee.evidence.certificates import pem_blocks
from coterie.tee.evidence.errors import BAD_ENDORSEMENTS, EVIDENCE_UNSUPPORTED
from coterie.tee.evidence.intel import COLLATERAL
from coterie.tee.evidence.model import MAX_ENDORSEMENTS, Endorsements, Evidence, EvidenceType

RAW: Final = frozenset({"sgx", "tdx", "snp", "nitro"})
"""Types of which the vendor's own file is the blob."""

_CERTIFICATES = {
    UUID("63da758d-e664-4564-adc5-f4b93be8accd"): "VCEK",
    UUID("a8074bc2-a25a-483e-aae6-39c045a0b8a1"): "VLEK",
    UUID("4ab7b379-bbac-4fe4-a02f-05aef327c782"): "ASK",
    UUID("c0b406a4-a803-4952-9743-3fb6014cd0ae"): "ARK",
}
_ENTRY = struct.Struct("<16sII")


def read_evidence(content: bytes, kind: EvidenceType | None) -> Evidence:
    """Evidence from a file: a document of ours, or with ``kind`` the bytes that a platform gave.

    Errors: CT-2230, CT-1110; CT-2232 where the bytes alone are not enough.
    """
    if kind is None:
        return Evidence.parse(content)
    if kind not in RAW:
        raise EVIDENCE_UNSUPPORTED(f"evidence of type {kind} has parts beside its blob: give the document")
    return Evidence.of(kind, content)


def read_endorsements(kind: EvidenceType, contents: Iterable[bytes]) -> Endorsements:
    """Endorsements from files, in any order: a document of ours, Intel's collateral in JSON, certificates,
    keys and revocation lists in PEM or DER. Certificates are put in the order of a chain.

    Errors: CT-2234, CT-1110.
    """
    ders: list[bytes] = []
    keys: list[bytes] = []
    crls: list[bytes] = []
    collateral: dict[str, str] = {}
    for content in contents:
        if len(content) > MAX_ENDORSEMENTS:
            raise BAD_ENDORSEMENTS(f"a file of more than {MAX_ENDORSEMENTS} bytes")
        if content.lstrip().startswith(b"{"):
            found = _json(kind, content)
            ders += found.certificates
            keys += found.keys
            crls += found.crls
            collateral |= found.collateral
        elif b"-----BEGIN" in content[:4096]:
            _pem(content, ders, keys, crls)
        else:
            _der(content, ders, keys, crls)
    value = {"certificates": _in_order(ders), "keys": keys, "crls": crls, "collateral": collateral}
    return _endorsements(kind, value)


def certificate_table(evidence: Evidence) -> Endorsements | None:
    """What the host gave beside an SNP report: the table of certificates of the GHCB specification (56421),
    4.1.8.1.

    None where it has none, or not VCEK, ASK and ARK. It is no more trusted than a file. Errors: CT-2234.
    """
    table = evidence.aux.get("certificates", b"")
    if evidence.type != "snp" or not table:
        return None
    found: dict[str, bytes] = {}
    for place in range(0, len(table) - _ENTRY.size + 1, _ENTRY.size):
        name, offset, length = _ENTRY.unpack_from(table, place)
        if not any(name):
            break
        if offset + length > len(table):
            raise BAD_ENDORSEMENTS("the host's table of certificates is cut off")
        # The table has its GUIDs in the order in which they are printed (RFC 9562, section 4).
        known = _CERTIFICATES.get(UUID(bytes=name)) or _CERTIFICATES.get(UUID(bytes_le=name))
        if known is not None:
            found[known] = table[offset : offset + length]
    if not {"VCEK", "ASK", "ARK"} <= set(found):
        return None
    return _endorsements("snp", {"certificates": [found["VCEK"], found["ASK"], found["ARK"]]})


def _json(kind: EvidenceType, content: bytes) -> Endorsements:
    value = parse_json(content, limit=MAX_ENDORSEMENTS)
    if isinstance(value, dict) and set(value) & set(COLLATERAL):
        return _endorsements(kind, {"collateral": value})
    return Endorsements.parse(content)


def _endorsements(kind: EvidenceType, value: Mapping[str, object]) -> Endorsements:
    try:
        return Endorsements.model_validate({"type": kind, **value})
    except ValueError as error:
        raise BAD_ENDORSEMENTS("a certificate, list or field is too large, or there are too many") from error


def _pem(content: bytes, ders: list[bytes], keys: list[bytes], crls: list[bytes]) -> None:
    try:
        if b"BEGIN CERTIFICATE" in content:
            ders += pem_blocks(content, b"CERTIFICATE")
        if b"BEGIN X509 CRL" in content:
            crls += pem_blocks(content, b"X509 CRL")
        if b"BEGIN PUBLIC KEY" in content:
            key = load_pem_public_key(content)
            keys.append(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    except ValueError as error:
        raise BAD_ENDORSEMENTS("a file's PEM cannot be read") from error


def _der(content: bytes, ders: list[bytes], keys: list[bytes], crls: list[bytes]) -> None:
    """A DER file is a list, a key or a certificate; AMD's chips' certificates are found by exclusion."""
    try:
        x509.load_der_x509_crl(content)
        crls.append(content)
        return
    except ValueError:
        pass
    try:
        load_der_public_key(content)
        keys.append(content)
    except ValueError:
        ders.append(content)


def _in_order(certificates: list[bytes]) -> list[bytes]:
    """The leaf first, each issued by the next, by their names. What does not fit is left for the verifier."""
    rest = list(dict.fromkeys(certificates))
    names = {one: (der.subject_of(one), der.issuer_of(one)) for one in rest}
    issuers = {issuer for subject, issuer in names.values() if issuer != subject}
    leaves = [one for one in rest if names[one][0] not in issuers and names[one][0] != names[one][1]]
    chain = leaves[:1]
    while chain:
        following = [one for one in rest if one not in chain and names[one][0] == names[chain[-1]][1]]
        if not following:
            break
        chain.append(following[0])
    return chain + [one for one in rest if one not in chain]
