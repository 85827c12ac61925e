"""Evidence, endorsements and claims as documents: one form for every kind of platform.

The words are those of RFC 9334: *evidence* is what an attester says of itself, signed by the platform;
*endorsements* are what the vendor says of the platform; *claims* are what a verifier believes after
checking both. RFC 9711 names most of the claims; platforms name the rest.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    model_validator,
)

from coterie.agreement import ASSURANCE, Assurance, EvidenceType
from coterie.crypto import canonical, digest, parse_json
from coterie.errors import ErrorCode
from coterie.tee.evidence.errors import BAD_ENDORSEMENTS, BAD_EVIDENCE

__all__ = [
    "ASSURANCE",
    "MAX_BLOB",
    "MAX_CERTIFICATE",
    "MAX_COLLATERAL",
    "MAX_CRL",
    "MAX_ENDORSEMENTS",
    "MAX_EVIDENCE",
    "REPORT_DATA",
    "Assurance",
    "Binary",
    "Claims",
    "Document",
    "Endorsements",
    "Evidence",
    "EvidenceType",
    "Hex",
    "Name",
    "Revocation",
    "Statements",
    "parse_document",
    "seconds",
    "told",
]

Revocation = Literal["checked", "absent", "none"]
"""``checked``: signed lists of now were searched. ``absent``: the vendor has lists, none was given.
``none``: the vendor has none for this kind."""

REPORT_DATA: Final = 64
"""Bytes that an attester is asked to put into evidence."""
MAX_BLOB: Final = 32 * 1024
MAX_CERTIFICATE: Final = 8 * 1024
MAX_CRL: Final = 512 * 1024
MAX_COLLATERAL: Final = 512 * 1024
MAX_EVIDENCE: Final = 512 * 1024
"""Bytes of an evidence document."""
MAX_ENDORSEMENTS: Final = 4 * 1024 * 1024
"""Bytes of an endorsements document."""

M = TypeVar("M", bound=BaseModel)


def _bytes(value: Any) -> Any:
    """Bytes of their base64; only the one way to write them is accepted."""
    if not isinstance(value, str):
        return value
    try:
        content = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is not base64") from error
    if base64.b64encode(content).decode() != value:
        raise ValueError("it is not base64 in its canonical form")
    return content


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


Binary = Annotated[bytes, BeforeValidator(_bytes), PlainSerializer(_text, str, when_used="json")]
Hex = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{2})*$", max_length=1024)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,62}$")]


class Document(BaseModel):
    """What all documents of evidence are: closed, strict, not to be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    def to_bytes(self) -> bytes:
        """The canonical JSON (RFC 8785)."""
        return canonical(self)

    @property
    def digest(self) -> str:
        """``sha256:`` and the hex digest of :meth:`to_bytes`."""
        return digest(self.to_bytes())


class Evidence(Document):
    """What a platform says of itself, signed by it. Nothing of it is believed before it is verified."""

    version: Literal["coterie/evidence/v1"] = "coterie/evidence/v1"
    type: EvidenceType
    assurance: Assurance
    blob: Annotated[Binary, Field(min_length=1, max_length=MAX_BLOB)]
    """The platform's own format, signature included."""
    aux: Annotated[dict[Name, Annotated[Binary, Field(max_length=MAX_BLOB)]], Field(max_length=8)] = {}
    """What came with it outside of the platform's signature, such as values behind a signed digest."""

    @model_validator(mode="after")
    def _kind(self) -> Self:
        if ASSURANCE[self.type] != self.assurance:
            raise ValueError(
                f"evidence of type {self.type} is {ASSURANCE[self.type]}, never {self.assurance}"
            )
        return self

    @classmethod
    def parse(cls, data: bytes) -> Evidence:
        """Read a document of at most 512 KiB. Errors: CT-1110 for its JSON, CT-2230 for its form."""
        return parse_document(cls, data, MAX_EVIDENCE, BAD_EVIDENCE)

    @classmethod
    def of(cls, kind: EvidenceType, blob: bytes, aux: dict[str, bytes] | None = None) -> Evidence:
        """Evidence with the assurance of its type. Errors: CT-2230 for what is too large."""
        try:
            return cls(type=kind, assurance=ASSURANCE[kind], blob=blob, aux=aux or {})
        except ValidationError as error:
            problem = told(error)
        raise BAD_EVIDENCE(problem)


class Endorsements(Document):
    """What the vendor says of a platform. It comes from anywhere: it is signed, and its roots are pinned."""

    version: Literal["coterie/endorsements/v1"] = "coterie/endorsements/v1"
    type: EvidenceType
    certificates: Annotated[
        tuple[Annotated[Binary, Field(max_length=MAX_CERTIFICATE)], ...], Field(max_length=8, strict=False)
    ] = ()
    """DER, the signer's first, each issued by the next, the root last."""
    keys: Annotated[
        tuple[Annotated[Binary, Field(max_length=MAX_CERTIFICATE)], ...], Field(max_length=8, strict=False)
    ] = ()
    """SubjectPublicKeyInfo in DER, of keys that are pinned without a certificate."""
    crls: Annotated[
        tuple[Annotated[Binary, Field(max_length=MAX_CRL)], ...], Field(max_length=8, strict=False)
    ] = ()
    """Certificate revocation lists, DER."""
    collateral: Annotated[
        dict[Name, Annotated[str, StringConstraints(max_length=MAX_COLLATERAL)]], Field(max_length=16)
    ] = {}
    """Intel's collateral, field by field, as its provisioning service gives it; binary fields in hex."""

    @classmethod
    def parse(cls, data: bytes) -> Endorsements:
        """Read a document of at most 4 MiB. Errors: CT-1110 for its JSON, CT-2234 for its form."""
        return parse_document(cls, data, MAX_ENDORSEMENTS, BAD_ENDORSEMENTS)


class Statements(Document):
    """What evidence states, in one vocabulary. Not verified: good for showing, and for finding
    endorsements.
    """

    type: EvidenceType
    assurance: Assurance
    measurements: dict[Name, Hex]
    """By the platform's names in lower case: ``measurement`` (SNP, sim), ``mr_td`` and ``rtmr0`` to
    ``rtmr3``, ``mr_enclave``, ``pcr0`` and so on."""
    report_data: Hex
    """What the attester was asked to have signed; see :func:`coterie.tee.evidence.binding.reported`."""
    launch_bound: Hex | None = None
    """What the host put in at launch and nothing inside can change: HOST_DATA, MRCONFIGID, PCR 16."""
    debug: bool | None = None
    """Whether the host may look inside. None: the platform has no such mode."""
    migratable: bool | None = None
    svns: dict[Name, int] = {}
    """Security versions, by component."""
    chip_id: str | None = None
    """What names the machine: CHIP_ID, PPID, the module's id, the digest of a TPM's attestation key."""
    product: str | None = None
    """The family of the processor, where endorsements depend on it."""
    vmpl: int | None = None
    """Privilege level that asked for the report; 0 is the highest (SNP)."""
    policy: dict[Name, bool | int] = {}
    """Further bits of the guest's policy and the platform's state."""
    made_at: str | None = None
    """When, by the platform's own clock."""
    body: str
    """``sha256:`` digest of exactly the bytes that the platform signed. Evidence as a whole is malleable:
    receipts name this."""


class Claims(Statements):
    """What is believed of a platform after verification. Whether it is good enough is for the appraisal."""

    verified_at: str
    """The time that was given to the verifier."""
    root: str
    """Name and SHA-256 key digest of the pinned root."""
    tcb_status: str | None = None
    """The vendor's word for the platform's patch level, where the vendor has one."""
    advisories: tuple[str, ...] = ()
    """The vendor's advisories that are open on this platform."""
    revocation: Revocation
    issued: str | None = None
    """When the oldest of those endorsements was issued that the vendor renews; None where there are none."""
    valid_until: str | None
    """When the first of the endorsements ends; None for a pinned key, which has no end."""
    marks: dict[str, int] = {}
    """Numbers of the endorsements that only grow; what is lower than one seen before is a rollback."""


def parse_document(kind: type[M], data: bytes, limit: int, code: ErrorCode) -> M:
    """A document from foreign JSON. Errors: CT-1110, and ``code`` with the field."""
    value = parse_json(data, limit=limit, depth=8)
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        problem = told(error)
    raise code(problem)


def told(error: ValidationError) -> str:
    """The first problem, its field, and nothing of the value."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(item) for item in first["loc"])[:100]
    message = first["msg"].removeprefix("Value error, ")[:200]
    return f"{field}: {message}" if field else message


def seconds(moment: datetime) -> int:
    """Unix time, without the fraction."""
    return int(moment.timestamp())
