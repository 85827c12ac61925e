"""Parameters of ``align``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from coterie.crypto import PartyName
from coterie.learn.component import Params

__all__ = ["AlignParams"]


class AlignParams(Params):
    """What a job may choose of ``align``."""

    join: Literal["inner", "left"] = "inner"
    """``inner``: the rows that all parties have. ``left``: these, then the other rows of one party, in which
    the others' columns have no value."""
    left: PartyName | None = None
    """Of ``join: left``: whose rows all stay; the label holder's if not given."""
    most_rows: int | None = Field(None, ge=2, le=1 << 40)
    """Rows of the frame that common ids make, at most, where datasets have several rows for an id: all
    combinations of them. It must be given where more than one dataset has."""
    method: Literal["auto", "oprf", "dh"] = "auto"
    """How the parties find their common rows in engine ``mpc``: by Diffie-Hellman on a curve (``dh``), or by
    an oblivious function made of vector OLE (``oprf``). ``auto`` takes what is faster for their sizes and
    their network; the plan says which, and why."""
    security: Literal["semi-honest", "malicious"] = "semi-honest"
    """Against whom: a party that follows the protocol and looks at what it gets, or one that does not. The
    latter is for two parties, by ``oprf``."""

    membership: Literal["known", "hidden"] = "known"
    """``known``: each party learns which of its own rows are common. ``hidden``: in engine ``mpc`` nobody
    learns that, nor how many are; two parties hold shares of it, and few steps can go on from there."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.left is not None and self.join != "left":
            raise ValueError("give 'left' with join 'left', and only then")
        if self.membership == "hidden":
            given = self.model_dump(exclude={"membership"}, exclude_defaults=True)
            if given:
                raise ValueError(f"membership 'hidden' does not go with {', '.join(given)}")
        return self
