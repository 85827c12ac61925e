"""Bounds: the values that a component's parameter may take under an agreement."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from coterie.crypto import canonical
from coterie.data import Many
from coterie.errors import CoterieError

__all__ = ["Bound", "same_value"]

Number = Annotated[float, Field(allow_inf_nan=False)]


class Bound(BaseModel):
    """The values that a component's parameter may take; every given condition must hold.

    ``min`` and ``max`` are for numbers, both inclusive; ``one_of`` lists values; ``equals`` is the only one.
    A parameter that may be null says so with ``one_of: [null]``. ``any`` leaves the choice to whoever submits
    a job, as for names that nobody knows yet: it stands alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    min: Number | None = None
    max: Number | None = None
    one_of: Many[JsonValue] | None = None
    equals: JsonValue | None = None
    any: Annotated[Literal[True] | None, Field(exclude_if=lambda value: value is None)] = None
    """Where it is not given, the canonical form does not have it either."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        narrow = any(one is not None for one in (self.min, self.max, self.one_of, self.equals))
        if not narrow and self.any is None:
            raise ValueError("a bound needs min, max, one_of, equals or any")
        if narrow and self.any is not None:
            raise ValueError("any allows every value: it stands alone")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        return self

    def refusal(self, value: JsonValue) -> str | None:
        """Why ``value`` is outside, in words; None where it is inside."""
        if self.min is not None or self.max is not None:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return "is not a number, but bounded by numbers"
            if not (self.min is None or value >= self.min):
                return f"is below {self.min:g}"
            if not (self.max is None or value <= self.max):
                return f"is above {self.max:g}"
        if self.one_of is not None and not any(same_value(value, allowed) for allowed in self.one_of):
            return "is not one of the allowed values"
        if self.equals is not None and not same_value(value, self.equals):
            return "is not the allowed value"
        return None


def same_value(a: JsonValue, b: JsonValue) -> bool:
    """Whether two values are one in JSON: ``1`` and ``1.0`` are, ``1`` and ``true`` are not."""
    try:
        return canonical(a) == canonical(b)
    except CoterieError:
        return False
