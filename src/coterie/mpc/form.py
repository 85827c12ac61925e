"""What is public of an array: shape, fixed-point format, and how large its values can be."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from coterie.mpc.ring import check_fits, is_narrow

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """Of a secret array."""

    shape: Shape
    frac: int
    """Fractional bits: an element x of the ring stands for x / 2^frac."""
    bound: float
    """No value is larger in magnitude."""

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def check(self, where: str) -> None:
        """Raises CT-2101 where values could leave the ring."""
        check_fits(self.bound, self.frac, where)

    def to_dict(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "frac": self.frac, "bound": self.bound}


@dataclass(frozen=True)
class PrivateForm(Form):
    """Of one party's own plaintext."""

    owner: str = ""
    row_sum: float | None = None
    """The magnitudes in a row of a matrix add up to no more. Tighter than ``bound`` times the width."""
    column_sum: float | None = None
    """The magnitudes in a column of a matrix add up to no more. Tighter than ``bound`` times the rows."""

    @property
    def narrow(self) -> bool:
        """Whether the owner keeps it in 32 bits."""
        return is_narrow(self.bound, self.frac)

    def to_dict(self) -> dict[str, Any]:
        sums = {"row_sum": self.row_sum, "column_sum": self.column_sum}
        return super().to_dict() | {"owner": self.owner} | {k: v for k, v in sums.items() if v is not None}


def reformed(form: Form, **changes: Any) -> Form:
    """A secret's form with changes."""
    return replace(form, **changes)
