"""Parameters of ``decide``."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from coterie.learn.component import Params

from .record import BANDS

__all__ = ["DecideParams"]

Number = Annotated[float, Field(ge=-1e9, le=1e9)]
Limit = Annotated[float, Field(ge=0, le=1e12)]


class DecideParams(Params):
    """What a job may choose of ``decide``: cut-offs, or what they shall reach.

    Cut-offs and edges of bands are in the unit of the scores: probabilities of label 1, or points.
    """

    model: str | None = Field(None, max_length=64)
    """Name of the step that made the model; the last one if it is not given."""
    frame: Literal["test", "train", "all"] = "test"
    approve: Number | None = None
    """Points from which rows are approved; or the probability below which they are."""
    refuse: Number | None = None
    """Points below which rows are refused; or the probability from which they are. Between the two a person
    decides; the same as ``approve`` if it is not given."""
    max_bad_rate: float | None = Field(None, gt=0, lt=1)
    """Approve as many rows as there can be with at most this share of label 1 among them."""
    min_approval: float | None = Field(None, gt=0, lt=1)
    """Approve at least this share of the rows; beside ``max_bad_rate``, which comes first, only looked at."""
    manual: float = Field(0.0, ge=0, lt=1)
    """Share of the rows that a person shall decide, at least: those next to the approved ones."""
    bands: int = Field(10, ge=2, le=BANDS)
    """Score bands of the table, of about equally many rows."""
    edges: tuple[Number, ...] = Field((), max_length=BANDS - 1)
    """Scores between the bands in place of that, ascending."""
    limits: tuple[Limit, ...] = Field((), max_length=BANDS)
    """The limit of each row by band, the lowest risk first."""
    loss_cap: float | None = Field(None, gt=0, le=1e12)
    """Limits in place of that, such that a row's expected loss is not above this."""
    loss_given_default: float = Field(1.0, gt=0, le=1)
    """Share of the limit of a row with 1 that is lost."""
    max_limit: float = Field(1e12, gt=0, le=1e12)
    """No limit is above it."""
    limit_step: float = Field(1.0, gt=0, le=1e12)
    """Limits from ``loss_cap`` are whole multiples of it."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        targets = self.max_bad_rate is not None or self.min_approval is not None
        if targets == (self.approve is not None):
            raise ValueError("either approve or one of max_bad_rate and min_approval is given")
        if self.refuse is not None and self.approve is None:
            raise ValueError("refuse goes with approve")
        if self.manual and not targets:
            raise ValueError("manual goes with max_bad_rate or min_approval")
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("edges ascend")
        if self.limits and self.loss_cap is not None:
            raise ValueError("either limits or loss_cap")
        if self.limits and len(self.limits) != self.count:
            raise ValueError(f"limits for {len(self.limits)} of {self.count} bands")
        return self

    @property
    def count(self) -> int:
        """Of bands."""
        return len(self.edges) + 1 if self.edges else self.bands

    @property
    def has_limits(self) -> bool:
        return bool(self.limits) or self.loss_cap is not None
