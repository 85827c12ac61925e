"""Stored models: one line, a JSON header, a body whose length and digest the header says.

::

    coterie.<kind>/1\\n
    length of the header, 4 bytes little-endian
    header: canonical JSON (RFC 8785)
    body

Readers check lengths before they look at content, and the digest before they look at the body. A digest finds
damage; that a file comes from where it should is for the ledger, which has the digest of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from coterie.crypto import canonical, digest, parse_json

__all__ = ["Stored", "opened", "sealed_header", "wrapped"]

HEADER_LIMIT = 16 << 20
BODY_LIMIT = 512 << 20

Owner = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Stored(BaseModel):
    """What every header says. Other documents refuse names that they do not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    columns: Annotated[
        dict[Owner, Annotated[tuple[Name, ...], Field(max_length=10_000)]], Field(max_length=64)
    ]
    order: Annotated[tuple[Owner, ...], Field(max_length=64)]
    """Owners in model order: JSON objects have none."""
    params: dict[str, Any]
    body_size: Annotated[int, Field(ge=0, le=BODY_LIMIT, strict=True)]
    body_digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]

    def ordered(self) -> dict[str, tuple[str, ...]]:
        """Features by owner, in model order. Raises ValueError where order and columns do not fit."""
        if sorted(self.order) != sorted(self.columns) or any(not names for names in self.columns.values()):
            raise ValueError("owners and their order differ")
        if any(len(set(names)) != len(names) for names in self.columns.values()):
            raise ValueError("a column twice")
        return {owner: self.columns[owner] for owner in self.order}


H = TypeVar("H", bound=Stored)


def sealed_header(columns: Mapping[str, tuple[str, ...]], params: dict[str, Any]) -> dict[str, Any]:
    """The part of a header that all kinds of models have, but for what is said of the body."""
    return {
        "columns": {owner: list(names) for owner, names in columns.items()},
        "order": list(columns),
        "params": params,
    }


def wrapped(kind: str, header: Mapping[str, Any], body: bytes) -> bytes:
    """A stored model. :param header: without what is said of the body."""
    text = canonical({**header, "body_size": len(body), "body_digest": digest(body)})
    return _magic(kind) + len(text).to_bytes(4, "little") + text + body


def opened(kind: str, data: bytes, header: type[H]) -> tuple[H, memoryview]:
    """Header and body of a stored model, lengths and digest checked.

    Raises ValueError, which pydantic's own errors are too, and CT-1110 for any other bytes.
    """
    magic = _magic(kind)
    if not data.startswith(magic):
        raise ValueError("no magic")
    start = len(magic) + 4
    length = int.from_bytes(data[len(magic) : start], "little")
    if length > min(HEADER_LIMIT, len(data) - start):
        raise ValueError("length of the header")
    found = header.model_validate(parse_json(data[start : start + length], limit=HEADER_LIMIT))
    body = memoryview(data)[start + length :]
    if len(body) != found.body_size:
        raise ValueError("length of the body")
    if digest(bytes(body)) != found.body_digest:
        raise ValueError("digest of the body")
    return found, body


def _magic(kind: str) -> bytes:
    return f"coterie.{kind}/1\n".encode()
