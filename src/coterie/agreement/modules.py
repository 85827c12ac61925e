"""Terms of modules: programs that a user has written, and that jobs may run at the parties with data."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["MODULE_BYTES", "MODULE_NAME", "ModuleTerms"]

MODULE_BYTES: Final = 128 * 1024
"""Most bytes of a module's file: it is read by people before they sign."""
MODULE_NAME: Final = r"^[a-z][a-z0-9_-]{0,62}$"


class ModuleTerms(BaseModel):
    """A program that jobs may name, by what is in its file: one byte more or less is another program."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, StringConstraints(pattern=MODULE_NAME)]
    """By which jobs name it."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the file's bytes, in hex."""
    size: Annotated[int, Field(ge=1, le=MODULE_BYTES)]
    """Bytes of the file."""
    purpose: Annotated[
        str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
    ]
    """What it is for, in one line, for whoever reads the terms. It has no effect."""
