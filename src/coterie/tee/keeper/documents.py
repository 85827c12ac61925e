"""What providers and a key keeper say to each other; the host between them can read all of it, and change
none.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from coterie.crypto import Identity, PartyName, PublicIdentity
from coterie.data import Many
from coterie.ledger import Entry, SignedHead
from coterie.tee.container.record import Owner
from coterie.tee.documents.base import KeyHex, Signed, Size, Time, make, read
from coterie.tee.documents.exchange import MESSAGE_LIMIT
from coterie.tee.evidence.binding import NONCE
from coterie.tee.evidence.model import Assurance, Document, Endorsements, Evidence, Hex
from coterie.tee.keeper.errors import KEEPER_MESSAGE_INVALID

PURPOSE: Final = b"coterie/keeper/v1"
LAUNCHED_FOR: Final = hashlib.sha256(PURPOSE).digest()
"""What a keeper's platform has in its launch-bound field, where a runner's has the digest of its manifest."""
NAME: Final = "keeper"
"""Of the identity that signs a keeper's log. Its key is made for one deposit, and evidence is bound to it."""
WITHDRAWAL: Final = "coterie/keeper-withdrawal/v1"
STATEMENT: Final = "coterie/keeper-statement/v1"

Nonce = Annotated[Hex, Field(min_length=2 * NONCE, max_length=2 * NONCE)]


class KeeperChallenge(Document):
    """A provider's word to a keeper: prove what you are, over this nonce."""

    version: Literal["coterie/keeper-challenge/v1"] = "coterie/keeper-challenge/v1"
    provider: PartyName
    nonce: Nonce
    assurance: Assurance
    """Of the platform that the provider wants its key to be on."""
    expires: Time

    @classmethod
    def parse(cls, data: bytes) -> KeeperChallenge:
        """Errors: CT-2326."""
        return read(cls, data, MESSAGE_LIMIT, KEEPER_MESSAGE_INVALID)


class KeeperBinding(Document):
    """What a keeper's evidence is made over. A runner's cannot be: what is hashed begins otherwise."""

    version: Literal["coterie/keeper/v1"] = "coterie/keeper/v1"
    nonce: Nonce
    provider: PartyName
    hpke_pk: Annotated[Hex, Field(min_length=64, max_length=8192)]
    """Public key that the keeper made for this deposit."""
    log_pk: KeyHex
    """Raw Ed25519 public key that the keeper made for this deposit: it signs the log, and names the
    deposit."""
    assurance: Assurance

    def report_data(self) -> bytes:
        """``SHA-512("coterie/keeper/v1" || canonical(self))``: the 64 bytes that the attester is asked to
        have signed.
        """
        return hashlib.sha512(PURPOSE + self.to_bytes()).digest()


class KeeperOffer(Document):
    """A keeper's answer to a challenge: evidence of what it is, and keys for one deposit."""

    version: Literal["coterie/keeper-offer/v1"] = "coterie/keeper-offer/v1"
    binding: KeeperBinding
    log: PublicIdentity
    """With the key :attr:`KeeperBinding.log_pk`."""
    evidence: Evidence
    endorsements: Endorsements | None = None
    """What the host has of the vendor's; None where the provider has its own."""

    @classmethod
    def parse(cls, data: bytes) -> KeeperOffer:
        """Errors: CT-2326."""
        return read(cls, data, MESSAGE_LIMIT, KEEPER_MESSAGE_INVALID)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.log.name, self.log.key) != (NAME, self.binding.log_pk):
            raise ValueError("log: not the key that the evidence is bound to")
        return self


class Withdrawal(Signed):
    """A provider's word that its deposit has ended. It cannot be taken back."""

    version: Literal["coterie/keeper-withdrawal/v1"] = "coterie/keeper-withdrawal/v1"
    owner: Owner
    deposit: KeyHex
    """The key of the deposit's log."""
    created: Time

    @classmethod
    def sign(cls, identity: Identity, fields: dict[str, Any]) -> Withdrawal:
        """Of ``fields`` (all but owner and signature). Errors: CT-2326."""
        owner = Owner(name=identity.public.name, key=identity.public.key)
        made = make(cls, KEEPER_MESSAGE_INVALID, {**fields, "owner": owner, "signature": "00" * 64})
        return made.with_signature(identity.sign(WITHDRAWAL, made.signed_body()))

    @classmethod
    def parse(cls, data: bytes) -> Withdrawal:
        """Errors: CT-2326."""
        return read(cls, data, MESSAGE_LIMIT, KEEPER_MESSAGE_INVALID)

    def verify(self) -> None:
        """Errors: CT-1101."""
        self.check_signature(self.owner.name, self.owner.key, WITHDRAWAL)


class Collect(Document):
    """A provider's question: what has happened with my deposit after entry ``after``?"""

    version: Literal["coterie/keeper-collect/v1"] = "coterie/keeper-collect/v1"
    deposit: KeyHex
    nonce: Nonce
    after: Size

    @classmethod
    def parse(cls, data: bytes) -> Collect:
        """Errors: CT-2326."""
        return read(cls, data, MESSAGE_LIMIT, KEEPER_MESSAGE_INVALID)


class KeeperStatement(Signed):
    """A keeper's word how long the log of a deposit is now, and whether the key is still there."""

    version: Literal["coterie/keeper-statement/v1"] = "coterie/keeper-statement/v1"
    nonce: Nonce
    """The question's: a host cannot show an earlier answer."""
    head: SignedHead
    holds: bool
    """False: the deposit has ended, and the key is wiped."""

    @classmethod
    def sign(cls, identity: Identity, fields: dict[str, Any]) -> KeeperStatement:
        """Of ``fields`` (all but the signature) by a deposit's log key. Errors: CT-2326."""
        made = make(cls, KEEPER_MESSAGE_INVALID, {**fields, "signature": "00" * 64})
        return made.with_signature(identity.sign(STATEMENT, made.signed_body()))

    def verify(self, key: str) -> None:
        """The log key of the deposit signed it. Errors: CT-1101."""
        self.check_signature(NAME, key, STATEMENT)


class Collected(Document):
    """The answer: entries in order, as many as a message holds, and the statement. Where the last entry is
    not the head's, there are more.
    """

    version: Literal["coterie/keeper-collected/v1"] = "coterie/keeper-collected/v1"
    statement: KeeperStatement
    entries: Annotated[Many[Entry], Field(max_length=10_000)]

    @classmethod
    def parse(cls, data: bytes) -> Collected:
        """Errors: CT-2326."""
        return read(cls, data, MESSAGE_LIMIT, KEEPER_MESSAGE_INVALID)
