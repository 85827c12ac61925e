"""The receipt: what an attested run took in and let out, signed by a key that its evidence is bound to."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field, StringConstraints, model_validator

from coterie.agreement import ResultKind
from coterie.crypto import PartyName, signed_bytes
from coterie.data import Many
from coterie.tee.documents.base import (
    DOCUMENT_LIMIT,
    ContentName,
    KeyHex,
    Signed,
    Size,
    StepName,
    Time,
    make,
    read,
    repeated,
)
from coterie.tee.documents.errors import RECEIPT_INVALID
from coterie.tee.evidence.binding import Sha256
from coterie.tee.evidence.model import Assurance, Document

DOMAIN = "coterie/receipt/v1"


class ReceiptInput(Document):
    """A sealed data set that was opened."""

    owner: PartyName
    dataset: ContentName
    record: Sha256
    root: Sha256
    """Of the tree over the ciphertext that was read."""


class ReceiptOutput(Document):
    """A sealed result, as it left the runner."""

    step: StepName
    kind: ResultKind
    name: ContentName
    file: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    """The container's file id."""
    root: Sha256
    commitment: KeyHex
    """Of the container's preamble: the name of its data key."""
    size: Size
    """Bytes of plaintext."""
    receivers: Annotated[Many[PartyName], Field(min_length=1, max_length=64)]


class Resources(Document):
    """What the run used."""

    wall_ms: Size
    cpu_ms: Size
    memory: Size
    """Bytes, the most at a time."""


class Receipt(Signed):
    """One run. It holds digests and sizes, and nothing of the data."""

    version: Literal["coterie/receipt/v1"] = "coterie/receipt/v1"
    assurance: Assurance
    manifest: Sha256
    grants_root: Sha256
    log_checkpoint: Sha256
    key: KeyHex
    """The public half of what signs: :attr:`ReportBinding.receipt_pk` of each evidence below."""
    evidence: Annotated[dict[PartyName, Sha256], Field(max_length=16)]
    """Digest of the body that the platform signed, by the provider whose nonce it answers."""
    inputs: Annotated[Many[ReceiptInput], Field(max_length=16)]
    outputs: Annotated[Many[ReceiptOutput], Field(max_length=10_000)]
    resources: Resources
    started: Time
    finished: Time

    @classmethod
    def parse(cls, data: bytes) -> Receipt:
        """Read a receipt of at most 4 MiB, in canonical form. Errors: CT-2272."""
        return read(cls, data, DOCUMENT_LIMIT, RECEIPT_INVALID)

    def verify(self) -> None:
        """The key that it names signed it; that this is a runner's key, its evidence says.

        Errors: CT-1101.
        """
        self.check_signature("the runner", self.key, DOMAIN)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.started > self.finished:
            raise ValueError("finished: it is before started")
        if (name := repeated(tuple(one.owner for one in self.inputs))) is not None:
            raise ValueError(f"inputs: two are of '{name}'")
        if sorted(self.evidence) != sorted(one.owner for one in self.inputs):
            raise ValueError("evidence: one is needed for the owner of every input")
        if (name := repeated(tuple(one.file for one in self.outputs))) is not None:
            raise ValueError(f"outputs: two have the file '{name}'")
        named = tuple(f"{one.name} for {party}" for one in self.outputs for party in one.receivers)
        if (name := repeated(named)) is not None:
            raise ValueError(f"outputs: two are {name}")
        return self


class ReceiptKey:
    """The key that signs one run's receipt; it lives in the runner's memory. Its repr and its pickles hold
    nothing.
    """

    def __init__(self, private: Ed25519PrivateKey) -> None:
        """Of a known key, for test vectors; :meth:`generate` makes a fresh one."""
        self._private = private
        self.public = private.public_key().public_bytes_raw().hex()
        """Raw Ed25519, hex: what evidence is bound to."""

    @classmethod
    def generate(cls) -> ReceiptKey:
        """A fresh key."""
        return cls(Ed25519PrivateKey.generate())

    def sign(self, fields: dict[str, Any]) -> Receipt:
        """A receipt of ``fields`` (all but key and signature). Errors: CT-2272."""
        unsigned = make(Receipt, RECEIPT_INVALID, {**fields, "key": self.public, "signature": "00" * 64})
        return unsigned.with_signature(self._private.sign(signed_bytes(DOMAIN, unsigned.signed_body())))

    def __repr__(self) -> str:
        return "ReceiptKey()"

    def __reduce__(self) -> str:
        raise TypeError("a receipt's key does not leave its process")
