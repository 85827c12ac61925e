"""What a verification found."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

__all__ = ["Damage", "Finding", "Report"]

Damage = Literal[
    "changed",
    "dropped",
    "reordered",
    "inserted",
    "repeated",
    "rewritten",
    "cut off",
    "head",
    "identity",
]
"""``changed``: not what was signed. ``dropped``: missing. ``reordered``: in another place. ``inserted``: not
signed by the party. ``repeated``: there twice. ``rewritten``: signed by the party, and other than it signed
before. ``cut off``: ends in its middle. ``head``, ``identity``: head.json or party.json is wrong."""


class Finding(BaseModel):
    """One kind of damage at one place."""

    model_config = ConfigDict(frozen=True)

    entry: int | None
    """Number of the entry concerned; of an inserted one, of the entry that it stands before."""
    kind: Damage
    detail: str
    line: int | None = None
    """Line of ledger.jsonl."""


class Report(BaseModel):
    """What a verification found."""

    model_config = ConfigDict(frozen=True)

    party: str | None
    fingerprint: str | None
    """Of the key that the entries were checked with. Compare it with the party."""
    entries: int
    """Entries that hold, each signed by the party and chained to the one before."""
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    """Remarks that are no damage."""
    countersigned: dict[str, int]
    """By peer: the last entry that its countersignatures, kept in this ledger or by itself, cover."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        return not self.findings
