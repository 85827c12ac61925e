"""Parameters of ``kmeans``."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from coterie.learn.chosen import FrameName, Place
from coterie.learn.component import Params

__all__ = ["MOST_CLUSTERS", "MOST_FEATURES", "KmeansParams"]

MOST_CLUSTERS = 100
MOST_FEATURES = 2000

Number = Annotated[float, Field(ge=-1e30, le=1e30)]
Centre = Annotated[tuple[Number, ...], Field(min_length=1, max_length=MOST_FEATURES)]


class KmeansParams(Params):
    """What a job may choose of ``kmeans``."""

    kind: ClassVar[str] = "kmeans"

    clusters: int = Field(ge=2, le=MOST_CLUSTERS)
    """How many to look for. There are fewer in the end where one loses its rows."""
    columns: tuple[Place, ...] | None = Field(None, min_length=1, max_length=MOST_FEATURES)
    """The features, as ``party.column``; None for all."""
    centres: tuple[Centre, ...] | None = Field(None, min_length=2, max_length=MOST_CLUSTERS)
    """What to start from, in the features' units and model order; None for a start made of sums."""
    starts: int = Field(1, ge=1, le=20)
    """Of which the one with the least inertia counts; the first follows from the data alone."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Of the further starts."""
    iterations: int = Field(50, ge=1, le=300)
    """Of each start, at most."""
    tolerance: float = Field(1e-4, ge=0, le=1)
    """Iterations end where the centres have moved by less: the sum of their squared moves, in units of the
    features' mean variance. With 0 they end where no row changes its cluster."""
    column: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")] | None = None
    """Name of a new column with each row's cluster, from 1; None for no column."""
    rows: FrameName | None = None
    """The frame whose rows' clusters the receivers of ``scores`` get, by their own ids."""

    @property
    def made(self) -> tuple[str, ...]:
        """Names of new columns."""
        return () if self.column is None else (self.column,)

    @property
    def beginnings(self) -> int:
        """Starts that are made."""
        return 1 if self.centres is not None else self.starts

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.centres is not None and len(self.centres) != self.clusters:
            raise ValueError("as many `centres` as `clusters`")
        if self.centres is not None and len({len(one) for one in self.centres}) > 1:
            raise ValueError("centres of different lengths")
        return self
