"""The documents of a ledger: entries, signed heads, countersignatures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from coterie.crypto import Identity, PartyName, PublicIdentity, canonical, digest, timestamp, verify_signature
from coterie.errors import CoterieError

__all__ = ["MAX_ENTRY", "Countersignature", "Entry", "Kind", "SignedHead", "first_link"]

MAX_ENTRY = 1024 * 1024
"""Largest entry, in bytes of its line."""

ENTRY_DOMAIN = "coterie/ledger/v1"
HEAD_DOMAIN = "coterie/ledger-head/v1"
COUNTERSIGN_DOMAIN = "coterie/ledger-countersign/v1"

Kind = Literal[
    "agreement",
    "revocation",
    "plan",
    "approval",
    "refusal",
    "reveal",
    "counted",
    "egress",
    "result",
    "head",
    "countersignature",
    "job",
    "tape",
    "lookup",
    "grant",
    "deposit",
    "release",
    "receipt",
    "sealed",
    "repair",
    "privacy",
    "schema",
    "people",
    "key",
    "consent",
]

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
SignatureHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Signed(_Document):
    signature: SignatureHex

    def _message(self) -> bytes:
        return canonical(self.model_dump(mode="json", exclude={"signature"}))


class Entry(_Document):
    """One line of a ledger."""

    seq: Annotated[int, Field(ge=1, lt=2**53)]
    """1, 2, 3, …"""
    prev: Digest
    """Hash of the entry before; of the first entry, :func:`first_link`."""
    time: Time
    """Never before that of the entry before."""
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,30}$")]
    """A :data:`Kind`, or one of a later version."""
    body: dict[str, JsonValue]
    hash: Digest
    """Digest of the canonical form of the fields above."""
    signature: SignatureHex
    """Ed25519 over ``hash``, domain ``coterie/ledger/v1``."""

    @classmethod
    def make(
        cls, identity: Identity, seq: int, prev: str, time: str, kind: str, body: Mapping[str, Any]
    ) -> Self:
        fields = {"seq": seq, "prev": prev, "time": time, "kind": kind, "body": dict(body)}
        name = digest(canonical(fields))
        signature = identity.sign(ENTRY_DOMAIN, name.encode()).hex()
        return cls.model_validate({**fields, "hash": name, "signature": signature})

    def hash_fits(self) -> bool:
        """Whether ``hash`` is that of the other fields."""
        return self.hash == digest(canonical(self.model_dump(mode="json", exclude={"hash", "signature"})))

    def signed_by(self, party: PublicIdentity) -> bool:
        return _holds(party, ENTRY_DOMAIN, self.hash.encode(), self.signature)


class SignedHead(_Signed):
    """A party's word how long its ledger is: entry ``seq`` is the last and has this hash."""

    party: PartyName
    seq: Annotated[int, Field(ge=0, lt=2**53)]
    """0 for an empty ledger, whose hash is :func:`first_link`."""
    hash: Digest
    time: Time
    signature: SignatureHex
    """Ed25519 over the canonical form of the other fields, domain ``coterie/ledger-head/v1``."""

    @classmethod
    def make(cls, identity: Identity, seq: int, hash: str, moment: datetime) -> Self:
        fields = {"party": identity.name, "seq": seq, "hash": hash, "time": timestamp(moment)}
        return cls.model_validate(
            {**fields, "signature": identity.sign(HEAD_DOMAIN, canonical(fields)).hex()}
        )

    def signed_by(self, party: PublicIdentity) -> bool:
        return self.party == party.name and self.signed_with(party.key)

    def signed_with(self, key: str) -> bool:
        """Whether the raw Ed25519 ``key``, in hex, signed it: for who knows no more of the party."""
        try:
            verify_signature(self.party, key, HEAD_DOMAIN, self._message(), bytes.fromhex(self.signature))
        except CoterieError:
            return False
        return True


class Countersignature(_Signed):
    """A peer's word that it has seen a head. What the head covers cannot be dropped or changed unseen."""

    head: SignedHead
    peer: PartyName
    time: Time
    signature: SignatureHex
    """The peer's, over the canonical form of the other fields, domain ``coterie/ledger-countersign/v1``."""

    @classmethod
    def make(cls, identity: Identity, head: SignedHead, moment: datetime) -> Self:
        fields = {
            "head": head.model_dump(mode="json"),
            "peer": identity.name,
            "time": timestamp(moment),
        }
        return cls.model_validate(
            {**fields, "signature": identity.sign(COUNTERSIGN_DOMAIN, canonical(fields)).hex()}
        )

    def signed_by(self, peer: PublicIdentity) -> bool:
        return self.peer == peer.name and _holds(peer, COUNTERSIGN_DOMAIN, self._message(), self.signature)


def first_link(party: PublicIdentity) -> str:
    """What the first entry of a party's ledger is chained to: a digest of the party's key."""
    return digest(ENTRY_DOMAIN.encode() + b"\0" + bytes.fromhex(party.key))


def _holds(party: PublicIdentity, domain: str, message: bytes, signature: str) -> bool:
    try:
        party.verify(domain, message, bytes.fromhex(signature))
    except CoterieError:
        return False
    return True
