"""What people are told of users' modules."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["AgreedModuleView", "ModuleView"]


class _View(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModuleView(_View):
    """A module whose file is kept here."""

    sha256: str
    size: int
    agreements: tuple[str, ...]
    """Names of the agreements here that list it."""
    source: str | None = None
    """The file; None in lists."""


class AgreedModuleView(_View):
    """A module that an agreement lists."""

    name: str
    sha256: str
    size: int
    purpose: str
    here: bool
    """Whether its file is kept here, to be read before anything is signed."""
