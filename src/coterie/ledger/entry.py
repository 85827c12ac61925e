"""The documents of a ledger: entries, signed heads, countersignatures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from coterie.crypto import PartyName

__all__ = ["Countersignature", "Entry", "Kind", "SignedHead"]

Kind = Literal[
    "agreement",
    "revocation",
    "plan",
    "approval",
    "refusal",
    "reveal",
    "egress",
    "result",
    "head",
    "countersignature",
    "job",
    "repair",
]

Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
SignatureHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")]
Number = Annotated[int, Field(ge=1, lt=2**53)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Entry(_Document):
    """One line of a ledger."""

    seq: Number
    """1, 2, 3, …"""
    prev: Digest
    """Hash of the entry before; of the first entry, a digest of the party's key."""
    time: Time
    kind: Kind
    body: dict[str, JsonValue]
    hash: Digest
    """Digest of the canonical form of the fields above."""
    signature: SignatureHex
    """Ed25519 over ``hash``, domain ``coterie/ledger/v1``."""


class SignedHead(_Document):
    """A party's word how long its ledger is: entry ``seq`` is the last and has this hash."""

    party: PartyName
    seq: Annotated[int, Field(ge=0, lt=2**53)]
    """0 for an empty ledger."""
    hash: Digest
    time: Time
    signature: SignatureHex
    """Ed25519 over the canonical form of the fields above, domain ``coterie/ledger-head/v1``."""


class Countersignature(_Document):
    """A peer's word that it has seen a head. From then on the ledger cannot be shortened or changed unseen."""

    head: SignedHead
    peer: PartyName
    time: Time
    signature: SignatureHex
    """The peer's Ed25519 over the canonical form of the fields above, domain ``coterie/ledger-countersign/v1``."""
