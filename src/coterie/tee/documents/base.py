"""What the documents of attested runs have in common: one form, closed, bounded, signed where they bind."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError

from coterie.crypto import canonical, digest, parse_json, parse_timestamp, verify_signature
from coterie.errors import CoterieError, ErrorCode
from coterie.tee.container.header import check_content_name
from coterie.tee.evidence.model import Document, told

DOCUMENT_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of a manifest, a grant, a receipt: 10,000 columns with the longest names."""

M = TypeVar("M", bound=BaseModel)


def _is_time(text: str) -> str:
    try:
        parse_timestamp(text)
    except CoterieError as error:
        raise ValueError("it is not a time as in 2026-11-22T20:00:00Z") from error
    return text


def _is_content(text: str) -> str:
    try:
        return check_content_name(text)
    except CoterieError as error:
        raise ValueError(error.title.lower()) from error


Time = Annotated[str, StringConstraints(max_length=20), AfterValidator(_is_time)]
"""RFC 3339 in UTC, to the second."""
ContentName = Annotated[str, StringConstraints(max_length=128), AfterValidator(_is_content)]
"""As in the header of sealed containers: ``party/dataset``, or a result's name."""
KeyHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A raw Ed25519 public key."""
JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
StepName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Count = Annotated[int, Field(ge=1, lt=2**53)]
Size = Annotated[int, Field(ge=0, lt=2**53)]
SignatureHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


class Signed(Document):
    """A document under an Ed25519 signature of its other fields."""

    signature: SignatureHex

    def signed_body(self) -> bytes:
        """Canonical JSON of all fields but the signature."""
        return canonical(self.model_dump(mode="json", exclude={"signature"}))

    @property
    def digest(self) -> str:
        """Of the signed body: how other documents name this one."""
        return digest(self.signed_body())

    def check_signature(self, name: str, key: str, domain: str) -> None:
        """Errors: CT-1101."""
        verify_signature(name, key, domain, self.signed_body(), bytes.fromhex(self.signature))

    def with_signature(self, signature: bytes) -> Self:
        """The same under another signature."""
        return self.model_copy(update={"signature": signature.hex()})


def make(kind: type[M], code: ErrorCode, fields: dict[str, Any]) -> M:
    """A document of its fields. Errors: ``code``, naming the field and nothing of the value."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        problem = told(error)
    raise code(problem)


def read(kind: type[M], data: bytes, limit: int, code: ErrorCode) -> M:
    """A document from foreign bytes: in canonical form, and in no other.

    Errors: ``code``.
    """
    try:
        document = make(kind, code, parse_json(data, limit=limit))
        if canonical(document) == data:
            return document
        problem = "it is not in canonical form"
    except CoterieError as error:
        problem = error.detail
    raise code(problem)


def repeated(names: tuple[str, ...]) -> str | None:
    """A name that occurs twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
