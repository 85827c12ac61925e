"""Terms with the signatures of their parties, and their revocation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from coterie.crypto import Identity, PartyName, canonical, parse_json, timestamp, verify_signature
from coterie.errors import CoterieError, ErrorCode

from .errors import (
    ALTERED,
    DOCUMENT_INVALID,
    KEY_DIFFERS,
    NOT_A_PARTY,
    NOT_SIGNED,
    REVOCATION_INVALID,
    SIGNATURE_INVALID,
)
from .terms import Terms, Timestamp

__all__ = ["Agreement", "Revocation", "unknown_keys"]

SIGNATURE_DOMAIN = "coterie/agreement/v1"
REVOCATION_DOMAIN = "coterie/revocation/v1"
MAX_BYTES = 1024 * 1024

SignatureHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
D = TypeVar("D", bound="_Document")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def to_bytes(self) -> bytes:
        """The canonical document (RFC 8785)."""
        return canonical(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a canonical document of at most 1 MiB (CT-1602). Signatures are not checked yet."""
        problem = ""
        try:
            document = cls.model_validate(parse_json(data, limit=MAX_BYTES))
            if document.to_bytes() == data:
                return document
            problem = "it is not in canonical form"
        except CoterieError as error:
            problem = error.detail
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            problem = f"{'.'.join(str(item) for item in first['loc'])[:200]}: {first['msg'][:200]}"
        raise DOCUMENT_INVALID(problem)


class Agreement(_Document):
    """Terms and the Ed25519 signatures, in hex, that parties have put under them so far."""

    terms: Terms
    signatures: Annotated[dict[PartyName, SignatureHex], Field(max_length=64)] = {}

    @property
    def id(self) -> str:
        return self.terms.id

    @property
    def missing(self) -> tuple[str, ...]:
        """Parties that have not signed yet."""
        return tuple(party for party in self.terms.parties if party not in self.signatures)

    def sign(self, identity: Identity, keys: Mapping[str, str]) -> Agreement:
        """The agreement with one more signature, after a check that every named key is the one in ``keys``.

        :param keys: hex public key by name of all parties and services known here, oneself among them.

        Raises CT-1603 where the identity is no party, CT-1605 where a key differs or is not known.
        """
        _require_party(self.terms, identity)
        for name in unknown_keys(self.terms, keys):
            raise KEY_DIFFERS(f"'{name}'", party=name)
        signature = identity.sign(SIGNATURE_DOMAIN, self.terms.canonical()).hex()
        return self.model_copy(update={"signatures": {**self.signatures, identity.name: signature}})

    def merge(self, other: Agreement) -> Agreement:
        """The signatures of both copies of the same terms, each checked (CT-1602, CT-1604)."""
        if other.terms.canonical() != self.terms.canonical():
            raise DOCUMENT_INVALID(f"{other.id} is not a copy of {self.id}")
        both = self.model_copy(update={"signatures": {**self.signatures, **other.signatures}})
        for code, detail in both.faults():
            if code is not NOT_SIGNED:
                raise SIGNATURE_INVALID(detail)
        return both

    def verify(self) -> None:
        """Check that every party signed exactly these terms (CT-1620, CT-1621)."""
        for code, detail in self.faults():
            raise code(detail)

    def faults(self) -> Iterator[tuple[ErrorCode, str]]:
        """Each signature that is missing (CT-1620), does not fit the terms, or is nobody's (CT-1621)."""
        message = self.terms.canonical()
        for party, key in self.terms.parties.items():
            signature = self.signatures.get(party)
            if signature is None:
                yield NOT_SIGNED, f"the signature of '{party}' is missing"
            elif not _holds(party, key, SIGNATURE_DOMAIN, message, signature):
                yield ALTERED, f"the signature of '{party}' does not fit these terms"
        for name in sorted(set(self.signatures) - set(self.terms.parties)):
            yield ALTERED, f"'{name}' has signed and is not a party"


class Revocation(_Document):
    """One party's signed word that an agreement holds no longer. One is enough."""

    agreement: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    party: PartyName
    time: Timestamp
    reason: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
    signature: SignatureHex

    @classmethod
    def make(cls, agreement: Agreement, identity: Identity, reason: str, *, now: datetime) -> Revocation:
        """Revoke as one of the agreement's parties (CT-1603; CT-1606 for a reason beyond one line of 500)."""
        _require_party(agreement.terms, identity)
        fields = {
            "agreement": agreement.id,
            "party": identity.name,
            "time": timestamp(now),
            "reason": reason,
        }
        try:
            signature = identity.sign(REVOCATION_DOMAIN, canonical(fields)).hex()
            return cls(**fields, signature=signature)
        except (CoterieError, ValidationError):
            pass
        raise REVOCATION_INVALID("the reason is not one line of at most 500 characters")

    def verify(self, terms: Terms) -> None:
        """Check that a party of these terms signed it (CT-1606)."""
        if self.agreement != terms.id:
            raise REVOCATION_INVALID("it is of another agreement")
        key = terms.parties.get(self.party)
        if key is None:
            raise REVOCATION_INVALID(f"'{self.party}' is not a party of the agreement")
        message = canonical(self.model_dump(mode="json", exclude={"signature"}))
        if not _holds(self.party, key, REVOCATION_DOMAIN, message, self.signature):
            raise REVOCATION_INVALID(f"the signature of '{self.party}' does not fit")

    def revokes(self, terms: Terms) -> bool:
        """Whether these terms are ended by it."""
        try:
            self.verify(terms)
        except CoterieError:
            return False
        return True


def unknown_keys(terms: Terms, keys: Mapping[str, str]) -> list[str]:
    """Parties and services whose key in the terms is not the one in ``keys``."""
    named = {**terms.parties, **terms.services}
    return [name for name, key in named.items() if keys.get(name) != key]


def _require_party(terms: Terms, identity: Identity) -> None:
    if terms.parties.get(identity.name) != identity.public.key:
        raise NOT_A_PARTY(f"'{identity.name}' with this key is not a party of '{terms.name}'")


def _holds(party: str, key: str, domain: str, message: bytes, signature: str) -> bool:
    try:
        verify_signature(party, key, domain, message, bytes.fromhex(signature))
    except CoterieError:
        return False
    return True
