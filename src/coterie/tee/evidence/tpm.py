"""Quotes of TPM 2.0: TCG *Trusted Platform Module Library*, Part 2 (structures; 10.12.8 TPMS_ATTEST, 11.3
TPMT_SIGNATURE).

Evidence of type ``tpm`` has TPMS_ATTEST as its blob, and beside it ``signature`` (TPMT_SIGNATURE) and
``pcrs``: the values of the selected PCRs, one after the other, in the order of their numbers. The
attestation key is pinned, or certified under a pinned root. Whoever pins or certifies a key vouches that
it is a restricted signing key of a TPM: only then is what begins with TPM_GENERATED made by the TPM itself.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.oid import NameOID

from coterie.crypto import digest, timestamp
from coterie.tee.evidence import certificates
from coterie.tee.evidence.errors import (
    BAD_ENDORSEMENTS,
    BAD_EVIDENCE,
    EVIDENCE_FORGED,
    SIMULATED_REFUSED,
    UNTRUSTED_ROOT,
)
from coterie.tee.evidence.model import Claims, Endorsements, Evidence, Statements
from coterie.tee.evidence.roots import SIMULATED, Roots

LAUNCH_PCR: Final = 16
_GENERATED, _ATTEST_QUOTE = 0xFF544347, 0x8018
_RSASSA, _RSAPSS, _ECDSA = 0x0014, 0x0016, 0x0018
_HASHES: dict[int, tuple[str, hashes.HashAlgorithm]] = {
    0x000B: ("sha256", hashes.SHA256()),
    0x000C: ("sha384", hashes.SHA384()),
    0x000D: ("sha512", hashes.SHA512()),
}
MAX_PCRS: Final = 24
FEWEST_RSA_BITS: Final = 2048


@dataclass(frozen=True)
class Quote:
    """The fields of a quote; nothing is verified."""

    extra_data: bytes
    reset_count: int
    restart_count: int
    safe: bool
    firmware: int
    bank: str
    selected: tuple[int, ...]
    pcr_digest: bytes
    signed: bytes


@dataclass(frozen=True)
class Signature:
    """TPMT_SIGNATURE: scheme, hash, and one value (RSA) or two (ECDSA)."""

    scheme: int
    hash: int
    values: tuple[bytes, ...]


class _Reader:
    """Takes big-endian fields one after the other (Part 1, section 3: canonical form)."""

    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._at, self._what = data, 0, what

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        self._at += size
        if len(taken) != size:
            raise BAD_EVIDENCE(f"{self._what} is cut off")
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def sized(self, limit: int) -> bytes:
        """A TPM2B."""
        size = self.number(2)
        if size > limit:
            raise BAD_EVIDENCE(f"a field of {self._what} has {size} bytes where {limit} are allowed")
        return self.take(size)

    def end(self) -> None:
        if self._at != len(self._data):
            raise BAD_EVIDENCE(f"{self._what} has bytes left over")


def parse(attest: bytes) -> Quote:
    """Read a TPMS_ATTEST that is a quote over one bank of PCRs. Errors: CT-2230."""
    reader = _Reader(attest, "the TPM's quote")
    if reader.number(4) != _GENERATED or reader.number(2) != _ATTEST_QUOTE:
        raise BAD_EVIDENCE("it is no quote that a TPM generated")
    reader.sized(68)  # qualifiedSigner: the key's name, which says nothing beyond the key itself
    extra = reader.sized(66)
    reader.take(8)
    reset, restart, safe = struct.unpack(">IIB", reader.take(9))
    firmware = reader.number(8)
    if reader.number(4) != 1:
        raise BAD_EVIDENCE("the quote is not over one bank of PCRs")
    bank = reader.number(2)
    size = reader.number(1)
    if bank not in (0x000B, 0x000C) or size > 4 or safe > 1:
        raise BAD_EVIDENCE("the quote's bank is not SHA-256 or SHA-384")
    bits = int.from_bytes(reader.take(size), "little")
    selected = tuple(index for index in range(8 * size) if bits >> index & 1)
    pcr_digest = reader.sized(64)
    reader.end()
    if not selected or selected[-1] >= MAX_PCRS:
        raise BAD_EVIDENCE("the quote selects no PCRs, or some that are not there")
    return Quote(extra, reset, restart, bool(safe), firmware, _HASHES[bank][0], selected, pcr_digest, attest)


def parse_signature(data: bytes) -> Signature:
    """Read a TPMT_SIGNATURE. Errors: CT-2230."""
    reader = _Reader(data, "the TPM's signature")
    scheme, algorithm = reader.number(2), reader.number(2)
    if scheme not in (_RSASSA, _RSAPSS, _ECDSA) or algorithm not in _HASHES:
        raise BAD_EVIDENCE("the TPM's signature is of a kind that is not used")
    values = tuple(reader.sized(512) for _ in range(2 if scheme == _ECDSA else 1))
    reader.end()
    return Signature(scheme, algorithm, values)


def state(evidence: Evidence) -> Statements:
    """What a quote states, unverified; PCR values are there as far as they fit its digest. Errors:
    CT-2230.
    """
    quote, signature, values = _parts(evidence)
    return Statements.model_validate(statements(evidence, quote, pcrs_of(quote, signature, values), None))


def verify(evidence: Evidence, endorsements: Endorsements, now: datetime, roots: Roots) -> Claims:
    """Verify a quote by a key that is pinned (``keys``), or certified (``certificates``) under a pinned root.

    Checked: the key is trusted; the signature; that the PCR values have the digest that was signed. A
    certificate of the simulated root is refused whatever is pinned.

    Errors: CT-2230, CT-2231, CT-2233 to CT-2236.
    """
    if endorsements.collateral or endorsements.crls:
        raise BAD_ENDORSEMENTS("for a TPM there are keys or certificates only")
    if len(endorsements.keys) == 1 and not endorsements.certificates:
        spki, end = endorsements.keys[0], None
        root = certificates.key_digest(spki)
        if root not in roots.tpm_keys:
            raise UNTRUSTED_ROOT(f"the TPM's key {root[:16]}… is not pinned")
        root = f"TPM key {root}"
    elif endorsements.certificates and not endorsements.keys:
        chain = [certificates.load(one, "a certificate of the TPM") for one in endorsements.certificates]
        refuse_simulated(chain)
        root = f"TPM {certificates.check_chain(chain, now, roots.tpm)}"
        spki, end = certificates.spki(chain[0]), certificates.ends(chain)
        check_leaf(chain[0])
    else:
        raise BAD_ENDORSEMENTS("a TPM needs one key, or the certificates of one")
    quote, signature, values = _parts(evidence)
    pcrs = check_quote(quote, signature, values, spki)
    return Claims.model_validate(
        {
            **statements(evidence, quote, pcrs, spki),
            "verified_at": timestamp(now),
            "root": root,
            "revocation": "none",
            "valid_until": timestamp(end) if end else None,
        }
    )


def check_leaf(leaf: x509.Certificate) -> None:
    """Errors: CT-2235 where a key's certificate is not for signatures."""
    if not certificates.may_sign(leaf):
        raise UNTRUSTED_ROOT("the TPM's certificate is not for signatures")


def refuse_simulated(chain: list[x509.Certificate]) -> None:
    """Errors: CT-2233 where a certificate is of the simulated root."""
    for one in chain:
        with certificates.readable(one):
            names = [*one.subject, *one.issuer]
        if any(name.oid == NameOID.ORGANIZATION_NAME and SIMULATED in str(name.value) for name in names):
            raise SIMULATED_REFUSED("a certificate of the simulated root, for a hardware TPM")


def check_quote(quote: Quote, signature: Signature, values: bytes, spki: bytes) -> dict[int, bytes]:
    """Check the signature and the PCR values; returns these. Errors: CT-2230, CT-2231, CT-2234."""
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BAD_ENDORSEMENTS("the TPM's key cannot be used") from error
    verifies = _verifying(key, signature, quote.signed)
    try:
        verifies()
    except InvalidSignature as error:
        raise EVIDENCE_FORGED("the TPM's key did not sign this quote") from error
    pcrs = pcrs_of(quote, signature, values)
    if not pcrs:
        raise EVIDENCE_FORGED("the PCR values do not have the digest that the TPM signed")
    return pcrs


def _verifying(key: object, signature: Signature, signed: bytes) -> Callable[[], None]:
    algorithm = _HASHES[signature.hash][1]
    if isinstance(key, ec.EllipticCurvePublicKey) and signature.scheme == _ECDSA:
        r, s = (int.from_bytes(value, "big") for value in signature.values)
        return lambda: key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(algorithm))
    if isinstance(key, rsa.RSAPublicKey) and signature.scheme != _ECDSA and key.key_size >= FEWEST_RSA_BITS:
        pss = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
        filler = pss if signature.scheme == _RSAPSS else padding.PKCS1v15()
        return lambda: key.verify(signature.values[0], signed, filler, algorithm)
    raise BAD_ENDORSEMENTS("the TPM's key does not go with the signature")


def _parts(evidence: Evidence) -> tuple[Quote, Signature, bytes]:
    if set(evidence.aux) != {"signature", "pcrs"}:
        raise BAD_EVIDENCE("a TPM's quote comes with its signature and pcrs")
    return parse(evidence.blob), parse_signature(evidence.aux["signature"]), evidence.aux["pcrs"]


def pcrs_of(quote: Quote, signature: Signature, values: bytes) -> dict[int, bytes]:
    """The values by number, or nothing where their digest is another (Part 3, 18.4: the scheme's hash)."""
    size = hashlib.new(quote.bank).digest_size
    if len(values) != size * len(quote.selected):
        return {}
    if hashlib.new(_HASHES[signature.hash][0], values).digest() != quote.pcr_digest:
        return {}
    return {number: values[size * i : size * (i + 1)] for i, number in enumerate(quote.selected)}


def statements(
    evidence: Evidence, quote: Quote, pcrs: dict[int, bytes], spki: bytes | None
) -> dict[str, object]:
    """What a quote and its PCRs state, as fields."""
    return {
        "type": evidence.type,
        "assurance": evidence.assurance,
        "measurements": {f"pcr{number}": value.hex() for number, value in pcrs.items()},
        "report_data": quote.extra_data.hex(),
        "launch_bound": pcrs[LAUNCH_PCR].hex() if LAUNCH_PCR in pcrs else None,
        "chip_id": certificates.key_digest(spki) if spki is not None else None,
        "product": f"firmware {quote.firmware:016x}",
        "policy": {"bank": int(quote.bank[3:]), "safe_clock": quote.safe},
        "body": digest(quote.signed),
    }
