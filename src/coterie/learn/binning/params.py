"""Parameters of ``bin`` and ``woe``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, field_validator, model_validator

from coterie.learn.component import Params

__all__ = ["BinParams", "ColumnPath", "Method", "SpecialValue", "WoeParams"]

Method: TypeAlias = Literal["quantile", "width", "chimerge", "optimal"]
Trend: TypeAlias = Literal["auto", "ascending", "descending", "none"]
ColumnPath: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^.]+\..+$", max_length=256)]
"""``party.column``."""
SpecialValue: TypeAlias = Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=256)]

MOST_SPECIAL = 8
_FINAL = {"quantile": 10, "width": 10, "chimerge": 6, "optimal": 6}


class BinParams(Params):
    """What a job may choose of ``bin``."""

    method: Method = "optimal"
    bins: int | None = Field(None, ge=2, le=64)
    """Bins of a column at most, beside those of missing and special values; where it is not given 10 for
    ``quantile`` and ``width``, 6 for the others."""
    prebins: int = Field(20, ge=2, le=64)
    """Of ``chimerge`` and ``optimal``: quantile bins from which the final ones are merged."""
    categories: int = Field(20, ge=2, le=64)
    """Categories of a column that are told apart, the most frequent ones; the last is all the others."""
    columns: tuple[ColumnPath, ...] = Field((), max_length=4096)
    """As ``party.column``; all features where none are given."""
    special: Mapping[ColumnPath, tuple[SpecialValue, ...]] = Field({}, max_length=4096)
    """Values by ``party.column`` that are a bin of their own each."""
    trend: Trend = "auto"
    """Of ``optimal``, for numbers: how the rate of 1s may go from bin to bin; ``auto`` takes of ascending and
    descending what has the higher information value."""
    min_share: float = Field(0.05, ge=0, le=0.5)
    """Of ``chimerge`` and ``optimal``: least share of the training rows in a bin of numbers or categories."""
    confidence: float = Field(0.95, gt=0, lt=1)
    """Of ``chimerge``: neighbours that differ with less than this confidence are merged."""

    @field_validator("special")
    @classmethod
    def _few(cls, special: Mapping[str, tuple[SpecialValue, ...]]) -> Mapping[str, tuple[SpecialValue, ...]]:
        for column, values in special.items():
            if not 1 <= len(values) <= MOST_SPECIAL or len(set(values)) < len(values):
                raise ValueError(f"'{column}': give 1 to {MOST_SPECIAL} different special values")
        return special

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("name each column once")
        return self

    @property
    def most(self) -> int:
        """Final bins of numbers or categories, at most."""
        return _FINAL[self.method] if self.bins is None else self.bins

    @property
    def searches(self) -> bool:
        """Whether final bins are merged from finer ones."""
        return self.method in ("chimerge", "optimal")

    @property
    def regular(self) -> int:
        """Slots for numbers or categories."""
        return max(self.prebins if self.searches else self.most, self.categories)

    @property
    def specials(self) -> int:
        """Slots for special values."""
        return max((len(values) for values in self.special.values()), default=0)

    @property
    def slots(self) -> int:
        """Groups of each column, empty ones among them, so that a plan says nothing of the data."""
        return self.regular + self.specials + 1


class WoeParams(Params):
    """What a job may choose of ``woe``."""

    bins: str | None = Field(None, max_length=64)
    """Name of the ``bin`` step; the last one where it is not given."""
    clip: float = Field(6.0, gt=0, le=64)
    """Largest magnitude of a weight of evidence."""
    unseen: Literal["neutral", "refuse"] = "neutral"
    """What becomes of a value that has no bin, as none like it occurred in training: 0, or an error."""
    keep: tuple[ColumnPath, ...] = Field((), max_length=4096)
    """Columns, as ``party.column``, that stay as they are: offsets and row weights, which are no features."""
