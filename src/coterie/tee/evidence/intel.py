"""Intel SGX quotes of version 3 and TDX quotes of versions 4 and 5.

Sources: Intel, *SGX ECDSA Quote Library API*, appendix A (quote 3, report body); *TDX DCAP Quoting Library
API*, appendix A (quotes 4 and 5, TD report body); *PCK Certificate and CRL Specification*; *Provisioning
Certification Service API*, version 4 (TCB info, QE identity). The cryptographic work and the choice of the
TCB level are dcap-qvl's; the root is pinned here, and the signed body is read here, so that the debug bit
does not rest on one check.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import dcap_qvl
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from coterie.crypto import digest, parse_json, timestamp
from coterie.errors import CoterieError
from coterie.tee.evidence import certificates
from coterie.tee.evidence.errors import (
    BAD_ENDORSEMENTS,
    BAD_EVIDENCE,
    ENDORSEMENTS_NOT_VALID,
    EVIDENCE_FORGED,
    EVIDENCE_UNSUPPORTED,
    PLATFORM_REFUSED,
    REVOKED,
    UNTRUSTED_ROOT,
)
from coterie.tee.evidence.model import Claims, Endorsements, Evidence, Statements, seconds
from coterie.tee.evidence.roots import Roots

HEADER: Final = 48
_BODIES = {"sgx": 384, "td10": 584, "td15": 648}
_TEE_TYPES = {"sgx": 0, "tdx": 0x81}
_VENDOR: Final = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
_ECDSA_P256: Final = 2
COLLATERAL: Final = (
    "pck_crl_issuer_chain",
    "root_ca_crl",
    "pck_crl",
    "tcb_info_issuer_chain",
    "tcb_info",
    "tcb_info_signature",
    "qe_identity_issuer_chain",
    "qe_identity",
    "qe_identity_signature",
)
"""Fields of the collateral; certificates in PEM, lists and signatures in hex, the rest as the service
signs it.
"""

REFUSED_STATUSES: Final = frozenset({"Revoked"})
_SGX_BITS = {"init": 0, "mode_64": 2, "provision_key": 4, "init_token_key": 5, "key_separation": 7}
_TDX_BITS = {"sept_ve_disabled": 28, "protection_keys": 30, "key_locker": 31, "performance": 63}
_TDX_MEASUREMENTS = {
    "mr_seam": 16,
    "mr_signer_seam": 64,
    "mr_td": 136,
    "mr_owner": 232,
    "mr_owner_config": 280,
    "rtmr0": 328,
    "rtmr1": 376,
    "rtmr2": 424,
    "rtmr3": 472,
}


@dataclass(frozen=True)
class Quote:
    """Header and report body of a quote; nothing is verified."""

    version: int
    qe_svn: int
    pce_svn: int
    body: bytes
    signed: bytes


def parse(kind: str, blob: bytes) -> Quote:
    """Read what a quote signs. Errors: CT-2230 (form), CT-2232 (version, key type, kind of body)."""
    if len(blob) < HEADER + _BODIES["sgx"]:
        raise BAD_EVIDENCE("the quote is cut off")
    version, key_type, tee_type, qe_svn, pce_svn = struct.unpack_from("<HHIHH", blob)
    if tee_type != _TEE_TYPES[kind] or blob[12:28] != _VENDOR:
        raise BAD_EVIDENCE(f"it is no quote of {kind.upper()} by Intel's quoting enclave")
    if (kind, version) not in (("sgx", 3), ("tdx", 4), ("tdx", 5)) or key_type != _ECDSA_P256:
        raise EVIDENCE_UNSUPPORTED(f"a quote of version {version} with a key of type {key_type}")
    start, size = HEADER, _BODIES["sgx" if kind == "sgx" else "td10"]
    if version == 5:
        body_type, size = struct.unpack_from("<HI", blob, HEADER)
        start += 6
        if size != {2: _BODIES["td10"], 3: _BODIES["td15"]}.get(body_type):
            raise EVIDENCE_UNSUPPORTED(f"a quote with a body of type {body_type} and {size} bytes")
    if len(blob) < start + size:
        raise BAD_EVIDENCE("the quote is cut off")
    return Quote(version, qe_svn, pce_svn, blob[start : start + size], blob[: start + size])


def state(evidence: Evidence) -> Statements:
    """What a quote states, unverified. Errors: CT-2230, CT-2232."""
    return Statements.model_validate(_statements(evidence, parse(evidence.type, evidence.blob)))


def verify(evidence: Evidence, endorsements: Endorsements, now: datetime, roots: Roots) -> Claims:
    """Verify a quote with Intel's collateral, which is the whole of the endorsements.

    Checked: the root of the collateral is the pinned one, and then by dcap-qvl under this root: the chains
    of TCB info, QE identity and PCK; revocation; every date; the quoting enclave and its report; the
    quote's signature; the TCB level of platform and quoting enclave. A platform without a TCB level, or
    with a revoked one, is refused; every other status and its advisories are claims, for the policy.

    Errors: CT-2230 to CT-2232, CT-2234 to CT-2236, CT-2238, CT-2239.
    """
    quote = parse(evidence.type, evidence.blob)
    given = endorsements.collateral
    if set(given) != set(COLLATERAL) or endorsements.certificates or endorsements.keys or endorsements.crls:
        raise BAD_ENDORSEMENTS(f"an Intel quote needs the collateral {', '.join(COLLATERAL)}")
    root = _root(given, now, roots)
    collateral = _collateral(given)
    with _refusals():
        found = dcap_qvl.QuoteVerifier(root.public_bytes(Encoding.DER)).verify_with_policy(
            evidence.blob, collateral, seconds(now), dcap_qvl.QuotePolicy.claims_only(seconds(now))
        )
    checked: dict[str, Any] = json.loads(found.to_json())
    status = checked["tcb"]["status"]
    if status in REFUSED_STATUSES:
        raise PLATFORM_REFUSED(f"its TCB status is {status}")
    facts = _statements(evidence, quote)
    platform = checked["platform"]
    return Claims.model_validate(
        {
            **facts,
            "svns": {**facts["svns"], "tcb_evaluation": checked["tcb"]["eval_data_number"]},
            "policy": {**facts["policy"], **_platform_bits(platform["pck"])},
            "chip_id": bytes(platform["pck"]["ppid"]).hex(),
            "verified_at": timestamp(now),
            "root": f"Intel SGX Root CA {certificates.key_digest(certificates.spki(root))}",
            "tcb_status": status,
            "advisories": tuple(sorted(set(checked["tcb"]["advisory_ids"]))),
            "revocation": "checked",
            **_freshness(given, checked, now),
        }
    )


def collateral_key(blob: bytes) -> str | None:
    """The FMSPC of the platform that a quote says it is of, in hex: what Intel's TCB info is asked for by."""
    try:
        return str(dcap_qvl.Quote.parse(blob).fmspc()).lower()
    except ValueError:
        return None


def _platform_bits(pck: dict[str, Any]) -> dict[str, bool]:
    """What the PCK certificate says of a platform of several processors, as far as it says so."""
    said = {"True": True, "False": False}
    names = ("dynamic_platform", "cached_keys", "smt_enabled")
    return {f"platform.{name}": said[pck[name]] for name in names if pck.get(name) in said}


def _root(given: dict[str, str], now: datetime, roots: Roots) -> x509.Certificate:
    """The root of all three chains, pinned."""
    found = set()
    for name in ("tcb_info_issuer_chain", "qe_identity_issuer_chain", "pck_crl_issuer_chain"):
        chain = certificates.load_pem(given[name].encode(), name)
        if len(chain) != 2:
            raise BAD_ENDORSEMENTS(f"{name} is not a certificate and its root")
        certificates.check_chain(chain, now, roots.intel)
        found.add(chain[-1])
    if len(found) != 1:
        raise UNTRUSTED_ROOT("the chains of the collateral end in different certificates")
    return found.pop()


def _collateral(given: dict[str, str]) -> dcap_qvl.QuoteCollateralV3:
    try:
        return dcap_qvl.QuoteCollateralV3.from_json(json.dumps(given))
    except ValueError as error:
        raise BAD_ENDORSEMENTS(f"the collateral cannot be read: {_plain(error)}") from error


@contextmanager
def _refusals() -> Iterator[None]:
    """dcap-qvl's refusals as codes. Its words decide the code only, never whether it is a refusal."""
    try:
        yield
    except ValueError as error:
        words = _plain(error)
        lower = words.lower()
        if "revoked" in lower:
            raise REVOKED(words) from error
        if "no matching" in lower or "tcb level" in lower or "fmspc" in lower:
            raise PLATFORM_REFUSED(words) from error
        if "expired" in lower or "not yet" in lower:
            raise ENDORSEMENTS_NOT_VALID(words) from error
        raise EVIDENCE_FORGED(words) from error


def _plain(error: Exception) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in str(error)[:200])


def _freshness(given: dict[str, str], checked: dict[str, Any], now: datetime) -> dict[str, object]:
    """Dates of what Intel renews, and the numbers that only grow. All of it is verified by now."""
    info, identity = (_signed_json(given[name]) for name in ("tcb_info", "qe_identity"))
    marks = {
        f"intel/tcb/{info['id']}/{info['fmspc']}".lower(): int(info["tcbEvaluationDataNumber"]),
        f"intel/qe/{identity['id']}".lower(): int(identity["tcbEvaluationDataNumber"]),
    }
    issued = [_time(document["issueDate"]) for document in (info, identity)]
    issuers = certificates.load_pem(given["pck_crl_issuer_chain"].encode(), "pck_crl_issuer_chain")
    for name, issuer in (("root_ca_crl", issuers[-1]), ("pck_crl", issuers[0])):
        crl = bytes.fromhex(given[name])
        # dcap-qvl has looked for revoked certificates; here it is made sure whose list this is.
        certificates.check_revocation(crl, issuer, now, ())
        numbers, issue = certificates.crl_marks(crl, issuer)
        marks |= numbers
        issued.append(issue)
    ends = min(checked["earliest_expiration_date"], checked["qe_iden_earliest_expiration_date"])
    return {
        "issued": timestamp(min(issued)),
        "valid_until": timestamp(datetime.fromtimestamp(ends, UTC)),
        "marks": marks,
    }


def _signed_json(text: str) -> dict[str, Any]:
    try:
        value = parse_json(text.encode(), limit=len(text.encode()))
    except CoterieError as error:
        raise BAD_ENDORSEMENTS(f"signed collateral: {error.detail}") from error
    if not isinstance(value, dict):
        raise BAD_ENDORSEMENTS("signed collateral is no JSON object")
    return value


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _statements(evidence: Evidence, quote: Quote) -> dict[str, Any]:
    shared = {
        "type": evidence.type,
        "assurance": evidence.assurance,
        "report_data": quote.body[320:384].hex() if evidence.type == "sgx" else quote.body[520:584].hex(),
        "body": digest(quote.signed),
    }
    return shared | (_sgx(quote) if evidence.type == "sgx" else _tdx(quote))


def _sgx(quote: Quote) -> dict[str, Any]:
    body = quote.body
    attributes = int.from_bytes(body[48:56], "little")
    product, svn, config_svn = struct.unpack_from("<HHH", body, 256)
    policy: dict[str, bool | int] = {name: bool(attributes >> bit & 1) for name, bit in _SGX_BITS.items()}
    return {
        "measurements": {"mr_enclave": body[64:96].hex(), "mr_signer": body[128:160].hex()},
        "debug": bool(attributes & 0x2),
        "svns": {"isv": svn, "config": config_svn, "qe": quote.qe_svn, "pce": quote.pce_svn},
        "policy": policy | {"product_id": product},
    }


def _tdx(quote: Quote) -> dict[str, Any]:
    body = quote.body
    attributes = int.from_bytes(body[120:128], "little")
    svns = {"tdx_module": body[0], "tdx_module_major": body[1], "qe": quote.qe_svn, "pce": quote.pce_svn}
    return {
        "measurements": {name: body[at : at + 48].hex() for name, at in _TDX_MEASUREMENTS.items()},
        "launch_bound": body[184:232].hex(),
        # Bits 0 to 7 are the "TD under debug" group: bit 0 is debug, the others are reserved for more of it.
        "debug": bool(attributes & 0xFF),
        "migratable": bool(attributes >> 29 & 1),
        "svns": svns,
        "policy": {name: bool(attributes >> bit & 1) for name, bit in _TDX_BITS.items()},
    }
