"""Documents that one party of a step sends to another: JSON, padded to a planned length."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from coterie.crypto import canonical, parse_json
from coterie.errors import CoterieError
from coterie.learn.errors import RECORD_INVALID, RECORD_TOO_LONG

__all__ = ["Document", "pack", "unpack"]


class Document(BaseModel):
    """Base of what results are made of: strict, immutable, all numbers finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)


D = TypeVar("D", bound=BaseModel)


def pack(document: BaseModel, size: int) -> bytes:
    """``size`` bytes. Errors: CT-3032 where the document is longer than planned."""
    content = canonical(document.model_dump(mode="json"))
    if len(content) > size:
        raise RECORD_TOO_LONG(f"{len(content)} bytes instead of at most {size}")
    return content.ljust(size, b" ")


def unpack(data: bytes, kind: type[D], sender: str) -> D:
    """The document that ``sender`` packed. Errors: CT-3031 where the bytes are no such document."""
    try:
        parse_json(data, limit=len(data))
        return kind.model_validate_json(data)
    except (CoterieError, ValidationError) as error:
        raise RECORD_INVALID(f"from {sender}", party=sender) from error
