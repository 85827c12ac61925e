"""Parameters of ``fill``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from coterie.learn.chosen import Place
from coterie.learn.component import Params

__all__ = ["FillChoice", "FillParams"]


class FillChoice(Params):
    """What is put in the place of missing values."""

    method: Literal["mean", "median", "mode", "constant"] = "median"
    """For numbers. Columns of true and false take their mode unless it is ``constant``."""
    value: float | None = Field(None, allow_inf_nan=False)
    """For numbers, where ``method`` is ``constant``."""
    integers: Literal["widen", "round"] = "widen"
    """What to do where a column of whole numbers gets a fraction: it becomes a column of decimal numbers, or
    the fraction is rounded, halves to even."""
    text_method: Literal["most_frequent", "constant", "own_category"] = "most_frequent"
    """For text and categories. ``own_category`` is a text that no training row has."""
    text_value: str | None = Field(None, max_length=256)
    """For text and categories, where ``text_method`` is ``constant``; or the name of the own category,
    ``missing`` if it is not given."""

    @model_validator(mode="after")
    def _constants_fit(self) -> Self:
        if (self.method == "constant") != (self.value is not None):
            raise ValueError("give 'value' with method 'constant', and only then")
        if self.text_method == "constant" and self.text_value is None:
            raise ValueError("give 'text_value' with text_method 'constant'")
        if self.text_method == "most_frequent" and self.text_value is not None:
            raise ValueError("give 'text_value' with text_method 'constant' or 'own_category' only")
        return self


class FillParams(FillChoice):
    """What a job may choose of ``fill``."""

    columns: dict[Place, FillChoice] = Field({}, max_length=1000)
    """Columns, as ``party.column``, that are filled in their own way; nothing of the step's choice holds for
    them."""
    keep: tuple[Place, ...] = Field((), max_length=10_000)
    """Columns, as ``party.column``, whose missing values stay."""

    def choice(self, place: str) -> FillChoice:
        """Of a column, as ``party.column``."""
        return self.columns.get(place, self)
