"""Parameters of ``pca``."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from coterie.learn.chosen import Place
from coterie.learn.component import Params

__all__ = ["MOST_FEATURES", "PcaParams"]

MOST_FEATURES = 512
"""Whose products of pairs are added up."""


class PcaParams(Params):
    """What a job may choose of ``pca``."""

    kind: ClassVar[str] = "pca"

    columns: tuple[Place, ...] | None = Field(None, min_length=1, max_length=MOST_FEATURES)
    """The features, as ``party.column``; None for all."""
    components: int = Field(2, ge=1, le=MOST_FEATURES)
    """How many are kept: those of the largest variance."""
    scale: Literal["centre", "standard"] = "centre"
    """Of the features: mean 0, or mean 0 and deviation 1 of the training rows."""
    whiten: bool = False
    """Whether the new columns have variance 1."""
    output: Literal["replace", "add", "none"] = "replace"
    """New columns in place of the features, or beside them, or none."""
    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,31}$")] = "pc"
    """Of the new columns' names, before their number."""

    @property
    def made(self) -> tuple[str, ...]:
        """Names of the new columns."""
        if self.output == "none":
            return ()
        return tuple(f"{self.prefix}{number + 1}" for number in range(self.components))
