"""Simulated evidence: everything for real, except that no hardware stands behind it.

Two types, ``sim`` and ``swtpm``. Both are CBOR behind a line that says SIMULATED, so that no verifier of
hardware can read them, and both bring a chain to a root named SIMULATED, which an operator pins or not. In
the profile ``production`` their verifiers do not exist.

``sim``: a statement (canonical JSON), signed with Ed25519. ``swtpm``: a quote of a real TPM 2.0 in software.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID
from pydantic import Field

from coterie.crypto import digest, timestamp
from coterie.tee.evidence import cbor, certificates, tpm
from coterie.tee.evidence.errors import BAD_ENDORSEMENTS, BAD_EVIDENCE, EVIDENCE_FORGED, UNTRUSTED_ROOT
from coterie.tee.evidence.model import (
    MAX_BLOB,
    MAX_CERTIFICATE,
    Claims,
    Document,
    Endorsements,
    Evidence,
    Hex,
    Statements,
    parse_document,
)
from coterie.tee.evidence.roots import SIMULATED, Roots

SIM: Final = b"SIMULATED evidence, coterie/sim/v1\n"
SWTPM: Final = b"SIMULATED evidence, coterie/swtpm/v1\n"
DOMAIN: Final = b"coterie/sim/v1\0"


class Statement(Document):
    """What a simulated platform says of itself."""

    version: Literal["SIMULATED/v1"] = "SIMULATED/v1"
    measurement: Annotated[Hex, Field(min_length=64, max_length=128)]
    report_data: Annotated[Hex, Field(min_length=128, max_length=128)]
    launch_bound: Annotated[Hex, Field(min_length=64, max_length=64)] | None
    debug: bool
    svn: Annotated[int, Field(ge=0, lt=2**16)]
    made_at: Annotated[str, Field(max_length=20)]


@dataclass(frozen=True)
class SimulatedQuote:
    """A signed statement and its chain, the leaf first; nothing is verified."""

    statement: Statement
    signed: bytes
    signature: bytes
    certificates: tuple[bytes, ...]


def seal_statement(statement: Statement, key: Ed25519PrivateKey, chain: tuple[bytes, ...]) -> bytes:
    """The blob of ``sim`` evidence."""
    signed = statement.to_bytes()
    value = {"statement": signed, "signature": key.sign(DOMAIN + signed), "certificates": list(chain)}
    return SIM + cbor.encode(value)


def seal_quote(attest: bytes, signature: bytes, pcrs: bytes, chain: tuple[bytes, ...]) -> bytes:
    """The blob of ``swtpm`` evidence."""
    value = {"attest": attest, "signature": signature, "pcrs": pcrs, "certificates": list(chain)}
    return SWTPM + cbor.encode(value)


def parse(blob: bytes) -> SimulatedQuote:
    """Read ``sim`` evidence. Errors: CT-2230, CT-1110 for its statement."""
    value = cbor.fields(_content(blob, SIM), statement=bytes, signature=bytes, certificates=list)
    statement = parse_document(Statement, value["statement"], 4096, BAD_EVIDENCE)
    if statement.to_bytes() != value["statement"]:
        raise BAD_EVIDENCE("the simulated statement is not in canonical form")
    return SimulatedQuote(statement, value["statement"], value["signature"], _chain(value))


def state(evidence: Evidence) -> Statements:
    """What ``sim`` evidence states, unverified. Errors: as :func:`parse`."""
    return Statements.model_validate(_statements(evidence, parse(evidence.blob), None))


def verify(evidence: Evidence, endorsements: Endorsements, now: datetime, roots: Roots) -> Claims:
    """Verify ``sim`` evidence under a pinned simulated root. It brings its chain; the endorsements are empty.

    Errors: CT-2230, CT-2231, CT-2234 to CT-2236.
    """
    quote = parse(evidence.blob)
    leaf, facts = _believed(quote.certificates, endorsements, now, roots)
    key = leaf.public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise BAD_EVIDENCE("a simulated platform signs with Ed25519")
    try:
        key.verify(quote.signature, DOMAIN + quote.signed)
    except InvalidSignature as error:
        raise EVIDENCE_FORGED("the simulated platform did not sign this statement") from error
    chip = certificates.key_digest(certificates.spki(leaf))
    return Claims.model_validate({**_statements(evidence, quote, chip), **facts})


def state_swtpm(evidence: Evidence) -> Statements:
    """What ``swtpm`` evidence states, unverified. Errors: CT-2230."""
    value = _quote_of(evidence)
    quote, signature = tpm.parse(value["attest"]), tpm.parse_signature(value["signature"])
    pcrs = tpm.pcrs_of(quote, signature, value["pcrs"])
    return Statements.model_validate(tpm.statements(evidence, quote, pcrs, None))


def verify_swtpm(evidence: Evidence, endorsements: Endorsements, now: datetime, roots: Roots) -> Claims:
    """Verify ``swtpm`` evidence: a TPM's quote, by a key that is certified under a pinned simulated root.

    Errors: CT-2230, CT-2231, CT-2234 to CT-2236.
    """
    value = _quote_of(evidence)
    leaf, facts = _believed(_chain(value), endorsements, now, roots)
    quote, signature = tpm.parse(value["attest"]), tpm.parse_signature(value["signature"])
    spki = certificates.spki(leaf)
    pcrs = tpm.check_quote(quote, signature, value["pcrs"], spki)
    return Claims.model_validate({**tpm.statements(evidence, quote, pcrs, spki), **facts})


def _believed(
    chain: tuple[bytes, ...], endorsements: Endorsements, now: datetime, roots: Roots
) -> tuple[x509.Certificate, dict[str, object]]:
    """The leaf of a chain under a pinned root named SIMULATED, and what claims say of it."""
    if endorsements.certificates or endorsements.keys or endorsements.crls or endorsements.collateral:
        raise BAD_ENDORSEMENTS("simulated evidence brings its own chain; nothing else is used")
    loaded = [certificates.load(one, "a simulated certificate") for one in chain]
    root = certificates.check_chain(loaded, now, roots.simulated)
    for one in loaded:
        with certificates.readable(one):
            names = one.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        if [name.value for name in names] != [SIMULATED]:
            raise UNTRUSTED_ROOT("a certificate of a simulated platform does not say SIMULATED")
    tpm.check_leaf(loaded[0])
    return loaded[0], {
        "verified_at": timestamp(now),
        "root": f"{SIMULATED} {root.split()[-1]}",
        "revocation": "none",
        "valid_until": timestamp(certificates.ends(loaded)),
    }


def _quote_of(evidence: Evidence) -> dict[str, Any]:
    content = _content(evidence.blob, SWTPM)
    return cbor.fields(content, attest=bytes, signature=bytes, pcrs=bytes, certificates=list)


def _content(blob: bytes, line: bytes) -> Any:
    if not blob.startswith(line):
        raise BAD_EVIDENCE("it does not begin with the line that says SIMULATED")
    return cbor.decode(blob[len(line) :], MAX_BLOB)


def _chain(value: dict[str, Any]) -> tuple[bytes, ...]:
    chain = value["certificates"]
    if len(chain) != 2 or not all(isinstance(one, bytes) and len(one) <= MAX_CERTIFICATE for one in chain):
        raise BAD_EVIDENCE("a simulated chain is a leaf and a root")
    return tuple(chain)


def _statements(evidence: Evidence, quote: SimulatedQuote, chip: str | None) -> dict[str, object]:
    said = quote.statement
    return {
        "type": evidence.type,
        "assurance": evidence.assurance,
        "measurements": {"measurement": said.measurement},
        "report_data": said.report_data,
        "launch_bound": said.launch_bound,
        "debug": said.debug,
        "svns": {"runner": said.svn},
        "chip_id": chip,
        "made_at": said.made_at,
        "body": digest(quote.signed),
    }
