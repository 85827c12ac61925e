"""Terms of lookups: who may ask which of its ids are in another's table, and how often."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from coterie.crypto import PartyName
from coterie.data import DatasetName, Many

__all__ = ["LookupTerms"]


class LookupTerms(BaseModel):
    """A dataset whose ids others may ask for. It must be among the agreement's datasets; of its columns only
    the id is touched."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    dataset: DatasetName
    owner: PartyName
    to: Annotated[Many[PartyName], Field(min_length=1, max_length=64)]
    """Who may ask."""
    max_ids: Annotated[int, Field(ge=1, le=2**40)]
    """How many ids each of them may ask for as long as the agreement lasts. Equal ids count each time: the
    owner cannot tell that they are equal."""
    per_minute: Annotated[int, Field(ge=1, le=2**40)]
    """And in any one minute of the owner's clock."""

    @property
    def lookups(self) -> int:
        """How many ids all together may ask for: what tables' tags are long enough for."""
        return self.max_ids * len(self.to)
