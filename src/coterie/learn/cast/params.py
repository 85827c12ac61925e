"""Parameters of ``cast``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from coterie.learn.chosen import Place
from coterie.learn.component import Params
from coterie.learn.dates import check_format, days_of_text

__all__ = ["CastParams", "DateCast", "DatePart"]

DatePart = Literal["days", "year", "month", "day", "weekday", "age"]


def _is_date(text: str) -> str:
    days_of_text(text)
    return text


class DateCast(Params):
    """A column of dates, and the numbers to make of it."""

    to: Literal["date"] = "date"
    format: Annotated[str, AfterValidator(check_format)] | None = Field(None, min_length=2, max_length=64)
    """As of ``strptime``, such as ``%d.%m.%Y``; ISO 8601 (2026-01-31) if it is not given."""
    parts: tuple[DatePart, ...] = Field(("days",), min_length=1, max_length=6)
    """``days`` since 1970-01-01, ``year``, ``month`` 1 to 12, ``day`` 1 to 31, ``weekday`` 0 (Monday) to 6,
    ``age`` in days at the date ``at``."""
    at: Annotated[str, AfterValidator(_is_date)] | None = Field(None, min_length=10, max_length=10)
    """For ``age``: an ISO date."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.parts)) != len(self.parts):
            raise ValueError("a part is named once")
        if ("age" in self.parts) != (self.at is not None):
            raise ValueError("give 'at' with the part 'age', and only then")
        return self

    def names(self, column: str) -> tuple[str, ...]:
        """Of the columns that come in place of one."""
        return (column,) if self.parts == ("days",) else tuple(f"{column}_{part}" for part in self.parts)


Target = Literal["int", "float", "bool", "category", "text", "date"] | DateCast


class CastParams(Params):
    """What a job may choose of ``cast``."""

    columns: dict[Place, Target] = Field(min_length=1, max_length=1000)
    """By column, as ``party.column``, what becomes of it."""
    invalid: Literal["error", "missing"] = "error"
    """What to do with values that cannot be read so: end the job, or leave them missing."""
