"""Parameters of ``fill``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from coterie.learn.component import Params

__all__ = ["FillParams"]


class FillParams(Params):
    """What a job may choose of ``fill``."""

    method: Literal["mean", "median", "mode", "constant"] = "median"
    """For numbers. Columns of true and false take their mode unless it is ``constant``."""
    value: float | None = Field(None, allow_inf_nan=False)
    """For numbers, where ``method`` is ``constant``."""
    text_method: Literal["most_frequent", "constant"] = "most_frequent"
    """For text and categories."""
    text_value: str | None = Field(None, max_length=256)
    """For text and categories, where ``text_method`` is ``constant``."""

    @model_validator(mode="after")
    def _constants_fit(self) -> Self:
        if (self.method == "constant") != (self.value is not None):
            raise ValueError("give 'value' with method 'constant', and only then")
        if (self.text_method == "constant") != (self.text_value is not None):
            raise ValueError("give 'text_value' with text_method 'constant', and only then")
        return self
