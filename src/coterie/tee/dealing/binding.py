"""What an attested dealing is about, what its evidence is bound to, and the document that carries both."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from coterie.crypto import PartyName
from coterie.data import Many
from coterie.tee.dealing.errors import TAPE_EVIDENCE_INVALID
from coterie.tee.documents.base import JobId, KeyHex, read, repeated
from coterie.tee.documents.exchange import MESSAGE_LIMIT
from coterie.tee.evidence.binding import NONCE, Sha256
from coterie.tee.evidence.model import Assurance, Document, Endorsements, Evidence, Hex

DOMAIN: Final = b"coterie/dealing/v1"
MOST_FILES: Final = 16

Nonce = Annotated[Hex, Field(min_length=2 * NONCE, max_length=2 * NONCE)]


class DealingSubject(Document):
    """The one dealing that a process is started for. Its digest is in the platform's launch-bound field."""

    version: Literal["coterie/dealing-subject/v1"] = "coterie/dealing-subject/v1"
    agreement: Sha256
    job: JobId
    stage: Annotated[int, Field(ge=0, lt=100)]
    plan: Sha256
    """Of the stage."""
    request: Sha256
    """Of the parties' request, without their nonces."""

    @property
    def digest_bytes(self) -> bytes:
        """SHA-256 of the canonical form."""
        return hashlib.sha256(self.to_bytes()).digest()


class DealtFile(Document):
    """A tape file as it left the process."""

    party: PartyName
    key: KeyHex
    """Ed25519 key of the party: only its owner can open the file."""
    body: Sha256
    """Of all bytes before the signature."""


class DealingBinding(Document):
    """All that evidence for one party says of a dealing. Its digest goes into the evidence."""

    version: Literal["coterie/dealing/v1"] = "coterie/dealing/v1"
    party: PartyName
    """Whom this evidence is for."""
    nonce: Nonce
    """That party's own, fresh."""
    subject: DealingSubject
    signing_pk: KeyHex
    """Raw Ed25519 public key that the process made for this dealing: it has signed the files, in place of
    the dealer's own."""
    files: Annotated[Many[DealtFile], Field(min_length=1, max_length=MOST_FILES)]
    """Those of all parties."""
    assurance: Assurance

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = tuple(one.party for one in self.files)
        if repeated(names) is not None or self.party not in names:
            raise ValueError("files: one is needed for the party, and one at most for each other")
        return self

    def report_data(self) -> bytes:
        """``SHA-512("coterie/dealing/v1" || canonical(self))``: what the attester is asked to have signed."""
        return hashlib.sha512(DOMAIN + self.to_bytes()).digest()

    def file(self, party: str) -> DealtFile | None:
        """A party's file."""
        return next((one for one in self.files if one.party == party), None)


class TapeEvidence(Document):
    """What comes beside a party's tape file: evidence that attested code has dealt it."""

    version: Literal["coterie/tape-evidence/v1"] = "coterie/tape-evidence/v1"
    binding: DealingBinding
    evidence: Evidence
    endorsements: Endorsements | None = None
    """What the dealer's host has of the platform's vendor, for parties that have none."""

    @classmethod
    def parse(cls, data: bytes) -> TapeEvidence:
        """At most :data:`coterie.tee.MESSAGE_LIMIT` bytes, in canonical form. Errors: CT-2312."""
        return read(cls, data, MESSAGE_LIMIT, TAPE_EVIDENCE_INVALID)


class DealingOrder(Document):
    """What the host tells the process first: for what it deals, and whom it has to convince."""

    version: Literal["coterie/dealing-order/v1"] = "coterie/dealing-order/v1"
    subject: DealingSubject
    nonces: Annotated[dict[PartyName, Nonce], Field(min_length=1, max_length=MOST_FILES)]
    assurance: Assurance
