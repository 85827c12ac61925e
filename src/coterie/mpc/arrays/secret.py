"""Secret numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.arrays.dispatch import call
from coterie.mpc.arrays.numbers import Numbers

if TYPE_CHECKING:
    from coterie.mpc.arrays.bits import Bits

__all__ = ["Secret"]


class Secret(Numbers):
    """A value that exists only as additive shares in Z_2^64, in fixed point."""

    def __pos__(self) -> Secret:
        return self

    def __lt__(self, other: Any) -> Bits:
        return call("less", self, other)  # type: ignore[no-any-return]

    def __le__(self, other: Any) -> Bits:
        return call("less_equal", self, other)  # type: ignore[no-any-return]

    def __gt__(self, other: Any) -> Bits:
        return call("less", other, self)  # type: ignore[no-any-return]

    def __ge__(self, other: Any) -> Bits:
        return call("less_equal", other, self)  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> Bits:  # type: ignore[override]
        return call("equal", self, other)  # type: ignore[no-any-return]

    def __ne__(self, other: object) -> Bits:  # type: ignore[override]
        return call("not_equal", self, other)  # type: ignore[no-any-return]

    __hash__ = Numbers.__hash__

    def __getitem__(self, key: Any) -> Secret:
        """Slicing, and one array of public places. A slice of an opened array stays opened."""
        return call("getitem", self, key)  # type: ignore[no-any-return]

    @property
    def T(self) -> Secret:  # noqa: N802 - NumPy's name
        return self.transpose()

    def transpose(self, *axes: int) -> Secret:
        return call("transpose", self, axes or None)  # type: ignore[no-any-return]

    def reshape(self, *shape: int | Sequence[int]) -> Secret:
        sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return call("reshape", self, sizes)  # type: ignore[no-any-return]

    def ravel(self) -> Secret:
        return self.reshape(-1)

    def cumsum(self, axis: int | None = None) -> Secret:
        return call("cumsum", self, axis=axis)  # type: ignore[no-any-return]

    def max(self, axis: int | None = None, keepdims: bool = False) -> Secret:
        return call("max", self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def min(self, axis: int | None = None, keepdims: bool = False) -> Secret:
        return call("min", self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def argmax(self, axis: int | None = None) -> Secret:
        return call("argmax", self, axis=axis)  # type: ignore[no-any-return]

    def argmin(self, axis: int | None = None) -> Secret:
        return call("argmin", self, axis=axis)  # type: ignore[no-any-return]

    def times(self, factor: float | NDArray[np.float64], frac: int) -> Secret:
        """Times a public factor that is rounded to ``frac`` fractional bits; the result has as many more.
        Local."""
        return call("times", self, factor, frac)  # type: ignore[no-any-return]

    def ldexp(self, exponent: int) -> Secret:
        """Times 2^exponent, by counting fractional bits otherwise. Local and exact."""
        return self.context.one("ldexp", [self], exponent=exponent)
