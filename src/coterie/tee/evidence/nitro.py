"""AWS Nitro Enclaves attestation documents: COSE_Sign1 (RFC 9052) over CBOR.

Source: AWS Nitro Enclaves user guide, *Verifying the root of trust*, and aws-nitro-enclaves-nsm-api,
``docs/attestation_process.md``: fields and their bounds (3.1), syntax and chain (3.2). AWS says that
revocation lists are not used for these certificates; the leaf lives three hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from coterie.crypto import digest, timestamp
from coterie.tee.evidence import cbor, certificates
from coterie.tee.evidence.errors import (
    BAD_ENDORSEMENTS,
    BAD_EVIDENCE,
    ENDORSEMENTS_NOT_VALID,
    EVIDENCE_FORGED,
    UNTRUSTED_ROOT,
)
from coterie.tee.evidence.model import MAX_BLOB, Claims, Endorsements, Evidence, Statements
from coterie.tee.evidence.roots import Roots

LAUNCH_PCR: Final = 16
_ES384: Final = bytes.fromhex("a1013822")  # {1: -35}, RFC 9053, table 1
_SIGNATURE = 96
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class AttestationDocument:
    """The fields of a document; nothing is verified."""

    module_id: str
    made_at: datetime
    pcrs: dict[int, bytes]
    certificates: tuple[bytes, ...]
    """The leaf first, the root last."""
    user_data: bytes
    nonce: bytes
    signed: bytes
    """COSE's Sig_structure."""
    signature: bytes


def parse(blob: bytes) -> AttestationDocument:
    """Read a document. Errors: CT-2230 for what the format does not allow."""
    outer = cbor.decode(blob, MAX_BLOB)
    if not isinstance(outer, list) or len(outer) != 4:
        raise BAD_EVIDENCE("it is no COSE_Sign1")
    protected, unprotected, payload, signature = outer
    if protected != _ES384 or unprotected != {} or not isinstance(payload, bytes):
        raise BAD_EVIDENCE("its COSE headers are not those of ES384 alone")
    if not isinstance(signature, bytes) or len(signature) != _SIGNATURE:
        raise BAD_EVIDENCE("its signature has not 96 bytes")
    optional = (bytes, type(None))
    body = cbor.fields(
        cbor.decode(payload, MAX_BLOB),
        module_id=str,
        digest=str,
        timestamp=int,
        pcrs=dict,
        certificate=bytes,
        cabundle=list,
        public_key=optional,
        user_data=optional,
        nonce=optional,
    )
    _check_bounds(body)
    return AttestationDocument(
        module_id=body["module_id"],
        made_at=_moment(body["timestamp"]),
        pcrs=body["pcrs"],
        certificates=(body["certificate"], *reversed(body["cabundle"])),
        user_data=body["user_data"] or b"",
        nonce=body["nonce"] or b"",
        signed=cbor.encode(["Signature1", protected, b"", payload]),
        signature=signature,
    )


def _check_bounds(body: dict[str, Any]) -> None:
    """attestation_process.md, 3.2.2.1."""
    bundle = body["cabundle"]
    ders = [body["certificate"], *bundle]
    fits = (
        1 <= len(body["module_id"]) <= 128 and body["module_id"].isprintable(),
        body["digest"] == "SHA384",
        1 <= len(bundle) <= 7,
        all(isinstance(one, bytes) and 1 <= len(one) <= 1024 for one in ders),
        1 <= len(body["pcrs"]) <= 32,
        all(
            isinstance(index, int) and 0 <= index < 32 and isinstance(value, bytes) and len(value) == 48
            for index, value in body["pcrs"].items()
        ),
        len(body["public_key"] or b"") <= 1024,
        len(body["user_data"] or b"") <= 512,
        len(body["nonce"] or b"") <= 512,
    )
    if not all(fits):
        raise BAD_EVIDENCE("a field of the attestation document is out of its bounds")


def _moment(milliseconds: int) -> datetime:
    if not 0 < milliseconds < 2**43:
        raise BAD_EVIDENCE("its timestamp is no time")
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def state(evidence: Evidence) -> Statements:
    """What a document states, unverified. Errors: CT-2230."""
    return Statements.model_validate(_statements(evidence, parse(evidence.blob)))


def verify(evidence: Evidence, endorsements: Endorsements, now: datetime, roots: Roots) -> Claims:
    """Verify a document; it brings its chain, so the endorsements are empty.

    Checked: the root pinned, the chain, its dates and the leaf's use; the signature; and that the document
    was made while the leaf was valid and is not from the future. PCR 0 all zero is debug mode.

    Errors: CT-2230, CT-2231, CT-2234 to CT-2236.
    """
    document = parse(evidence.blob)
    if endorsements.certificates or endorsements.keys or endorsements.crls or endorsements.collateral:
        raise BAD_ENDORSEMENTS("a Nitro document brings its own chain; nothing else is used")
    chain = [certificates.load(one, "a certificate of the document") for one in document.certificates]
    root = certificates.check_chain(chain, now, roots.nitro)
    leaf = chain[0]
    with certificates.readable(leaf):
        key = leaf.public_key()
        if not certificates.may_sign(leaf):
            raise UNTRUSTED_ROOT("the document's certificate is not for signatures")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise BAD_EVIDENCE("the document's key is not on P-384")
    r, s = (int.from_bytes(half, "big") for half in (document.signature[:48], document.signature[48:]))
    try:
        key.verify(encode_dss_signature(r, s), document.signed, ec.ECDSA(SHA384()))
    except InvalidSignature as error:
        raise EVIDENCE_FORGED("the document is not signed by its certificate") from error
    made = document.made_at
    if not leaf.not_valid_before_utc <= made <= leaf.not_valid_after_utc or made > now + _SKEW:
        raise ENDORSEMENTS_NOT_VALID(f"the document says that it was made at {timestamp(made)}")
    return Claims.model_validate(
        {
            **_statements(evidence, document),
            "verified_at": timestamp(now),
            "root": f"AWS {root}",
            "revocation": "none",
            "valid_until": timestamp(certificates.ends(chain)),
        }
    )


def _statements(evidence: Evidence, document: AttestationDocument) -> dict[str, object]:
    launch = document.pcrs.get(LAUNCH_PCR)
    return {
        "type": evidence.type,
        "assurance": evidence.assurance,
        "measurements": {f"pcr{index}": value.hex() for index, value in sorted(document.pcrs.items())},
        "report_data": (document.user_data or document.nonce).hex(),
        "launch_bound": launch.hex() if launch is not None else None,
        "debug": not any(document.pcrs.get(0, b"")),
        "chip_id": document.module_id,
        "made_at": timestamp(document.made_at),
        "body": digest(document.signed),
    }
