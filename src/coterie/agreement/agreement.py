"""Terms with the signatures of their parties, and their revocation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from coterie.crypto import Identity, PartyName

from .terms import Terms, Timestamp

__all__ = ["Agreement", "Revocation"]

SignatureHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Agreement(_Document):
    """Terms and the Ed25519 signatures, in hex, that parties have put under them so far."""

    terms: Terms
    signatures: dict[PartyName, SignatureHex] = {}

    @property
    def id(self) -> str:
        return self.terms.id

    @property
    def missing(self) -> tuple[str, ...]:
        """Parties that have not signed yet."""
        return tuple(party for party in self.terms.parties if party not in self.signatures)

    def to_bytes(self) -> bytes:
        """The canonical document."""
        raise NotImplementedError

    @classmethod
    def from_bytes(cls, data: bytes) -> Agreement:
        """Read a canonical document of at most 1 MiB (CT-1602). Signatures are not checked yet."""
        raise NotImplementedError

    def sign(self, identity: Identity, keys: Mapping[str, str]) -> Agreement:
        """The agreement with one more signature, after a check that every named key is the one in ``keys``.

        :param keys: hex public key by name of all parties and services known at this node, its own among them.

        Raises CT-1603 where the identity is no party, CT-1605 where a key differs or is not known.
        """
        raise NotImplementedError

    def merge(self, other: Agreement) -> Agreement:
        """The signatures of both copies of the same terms, each checked (CT-1602, CT-1604)."""
        raise NotImplementedError

    def verify(self) -> None:
        """Check that every party signed exactly these terms (CT-1620, CT-1621)."""
        raise NotImplementedError


class Revocation(_Document):
    """One party's signed word that an agreement holds no longer. One is enough."""

    agreement: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    party: PartyName
    time: Timestamp
    reason: Annotated[str, StringConstraints(max_length=500)]
    signature: SignatureHex

    def to_bytes(self) -> bytes:
        raise NotImplementedError

    @classmethod
    def from_bytes(cls, data: bytes) -> Revocation:
        raise NotImplementedError

    @classmethod
    def make(cls, agreement: Agreement, identity: Identity, reason: str, *, now: datetime) -> Revocation:
        """Revoke as one of the agreement's parties (CT-1603)."""
        raise NotImplementedError

    def verify(self, terms: Terms) -> None:
        """Check that a party of these terms signed it (CT-1606)."""
        raise NotImplementedError
