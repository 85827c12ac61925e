"""What is public of an array: shape, fixed-point format, and the range of its values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from coterie.mpc.ranges import Interval
from coterie.mpc.ring import check_fits, is_narrow

Shape = tuple[int, ...]


TRUTH = Interval(0.0, 1.0)


class ShapeError(ValueError):
    """Arrays whose shapes do not go together."""


@dataclass(frozen=True)
class Form:
    """Of a secret array."""

    shape: Shape
    frac: int
    """Fractional bits: an element x of the ring stands for x / 2^frac."""
    range: Interval
    """No value lies outside."""

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def low(self) -> float:
        return self.range.low

    @property
    def high(self) -> float:
        return self.range.high

    @property
    def bound(self) -> float:
        """No value is larger in magnitude."""
        return self.range.bound

    @property
    def item_bytes(self) -> int:
        """Memory of one element's share."""
        return 8

    def check(self, where: str) -> None:
        """Raises CT-2101 where values could leave the ring."""
        check_fits(self.bound, self.frac, where)

    def to_dict(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "frac": self.frac, "range": self.range.to_list()}


@dataclass(frozen=True)
class BitsForm(Form):
    """Of secret truth values, shared by exclusive or. A share is an array of uint8, each 0 or 1."""

    frac: int = 0
    range: Interval = TRUTH

    @property
    def item_bytes(self) -> int:
        return 1

    def to_dict(self) -> dict[str, Any]:
        return {"shape": list(self.shape), "bits": True}


@dataclass(frozen=True)
class PrivateForm(Form):
    """Of one party's own plaintext."""

    owner: str = ""
    row_sum: float | None = None
    """The magnitudes in a row of a matrix add up to no more. Tighter than ``bound`` times the width."""
    column_sum: float | None = None
    """The magnitudes in a column of a matrix add up to no more. Tighter than ``bound`` times the rows."""
    permutation: bool = False
    """Whether it is a vector of the whole numbers below its length, each once."""

    @property
    def narrow(self) -> bool:
        """Whether the owner keeps it in 32 bits."""
        return is_narrow(self.bound, self.frac)

    @property
    def item_bytes(self) -> int:
        return 4 if self.narrow else 8

    def to_dict(self) -> dict[str, Any]:
        sums = {"row_sum": self.row_sum, "column_sum": self.column_sum}
        promised = {k: v for k, v in sums.items() if v is not None}
        permutation = {"permutation": True} if self.permutation else {}
        return super().to_dict() | {"owner": self.owner} | promised | permutation


def broadcast(*shapes: Shape) -> Shape:
    """NumPy's common shape. Raises ShapeError where there is none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"shapes {' and '.join(map(str, shapes))} do not broadcast") from None


def axis_of(axis: int, ndim: int) -> int:
    """An axis counted from the front. Raises ShapeError where there is none such."""
    if not -ndim <= axis < ndim:
        raise ShapeError(f"no axis {axis} in an array of {ndim} dimensions")
    return axis % ndim
