"""Reference values: which measurements are good, and what a platform must be. What is not written is
refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from coterie.agreement import Measurements, PlatformPolicy
from coterie.crypto import parse_json, read_at_most
from coterie.data import parse_yaml
from coterie.tee.evidence.errors import REFERENCE_INVALID
from coterie.tee.evidence.model import Document, told

__all__ = ["MAX_REFERENCE", "Measurements", "PlatformPolicy", "ReferenceValues"]

MAX_REFERENCE: Final = 1024 * 1024


class ReferenceValues(Document):
    """A file of reference values: YAML, or JSON."""

    version: Literal["coterie/reference/v1"]
    measurements: Measurements
    """By type, sets of measurements. A platform passes if one of the sets fits it in every value."""
    platform: PlatformPolicy

    @classmethod
    def parse(cls, data: bytes) -> ReferenceValues:
        """Read a file. Unknown fields are refused, as is what would allow too much.

        Errors: CT-2241 with the line or field, CT-1402 for its YAML, CT-1110 for its JSON.
        """
        if len(data) > MAX_REFERENCE:
            raise REFERENCE_INVALID(f"{len(data)} bytes where {MAX_REFERENCE} are allowed")
        if not data.lstrip().startswith(b"{"):
            try:
                text = data.decode()
            except UnicodeDecodeError as error:
                raise REFERENCE_INVALID("it is not UTF-8") from error
            return parse_yaml(text).model(cls, REFERENCE_INVALID)
        try:
            return cls.model_validate(parse_json(data, limit=MAX_REFERENCE))
        except ValidationError as error:
            problem = told(error)
        raise REFERENCE_INVALID(problem)

    @classmethod
    def load(cls, path: Path) -> ReferenceValues:
        """Read the file at ``path``. Errors: CT-1122, and as :meth:`parse`."""
        return cls.parse(read_at_most(path, MAX_REFERENCE))
