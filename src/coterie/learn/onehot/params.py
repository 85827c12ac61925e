"""Parameters of ``onehot``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from coterie.learn.chosen import Place
from coterie.learn.component import Params

__all__ = ["MOST_COLUMNS", "OnehotParams"]

MOST_COLUMNS = 500
"""Encoded by one step: each has a number that is told."""


def _different(columns: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(columns)) != len(columns):
        raise ValueError("a column is named once")
    return columns


class OnehotParams(Params):
    """What a job may choose of ``onehot``."""

    columns: Annotated[tuple[Place, ...], AfterValidator(_different)] = Field(
        min_length=1, max_length=MOST_COLUMNS
    )
    """Columns of texts, whole numbers, or true and false, as ``party.column``."""
    categories: int = Field(20, ge=1, le=200)
    """The most frequent ones of the training rows that get a column each, at most."""
    other: bool = True
    """Whether all further categories of the training rows, and unknown ones of later rows, share a column.
    Otherwise they are 0 in every column. Where no training row has a further category there is none."""
    drop: Literal["none", "first"] = "none"
    """``first`` leaves out the column of the most frequent category: what the others are compared with."""
    missing: Literal["error", "zeros", "category"] = "error"
    """What to do with missing values: end the job, 0 in every column, or a category like others."""

    @model_validator(mode="after")
    def _any_left(self) -> Self:
        if not self.most:
            raise ValueError("one category of which the first is dropped leaves no column")
        return self

    @property
    def most(self) -> int:
        """Columns that can come of one."""
        return self.categories + self.other - (self.drop == "first")
