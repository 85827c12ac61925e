"""What secret numbers and a party's own plaintext have in common: arithmetic, whose results are secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coterie.mpc.arrays.dispatch import call
from coterie.mpc.arrays.opaque import Opaque

if TYPE_CHECKING:
    from coterie.mpc.arrays.secret import Secret

__all__ = ["Numbers"]


class Numbers(Opaque):
    """Operators and methods have NumPy's names, broadcasting and axes; their costs stand at the functions of
    the same names in :mod:`coterie.mpc.functions`.
    """

    def __add__(self, other: Any) -> Secret:
        return call("add", self, other)  # type: ignore[no-any-return]

    __radd__ = __add__

    def __sub__(self, other: Any) -> Secret:
        return call("subtract", self, other)  # type: ignore[no-any-return]

    def __rsub__(self, other: Any) -> Secret:
        return call("subtract", other, self)  # type: ignore[no-any-return]

    def __neg__(self) -> Secret:
        return call("negative", self)  # type: ignore[no-any-return]

    def __abs__(self) -> Secret:
        return call("absolute", self)  # type: ignore[no-any-return]

    def __mul__(self, other: Any) -> Secret:
        return call("multiply", self, other)  # type: ignore[no-any-return]

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Secret:
        return call("divide", self, other)  # type: ignore[no-any-return]

    def __rtruediv__(self, other: Any) -> Secret:
        return call("divide", other, self)  # type: ignore[no-any-return]

    def __pow__(self, exponent: int) -> Secret:
        return call("power", self, exponent)  # type: ignore[no-any-return]

    def __matmul__(self, other: Any) -> Secret:
        return call("matmul", self, other)  # type: ignore[no-any-return]

    def __rmatmul__(self, other: Any) -> Secret:
        return call("matmul", other, self)  # type: ignore[no-any-return]

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Secret:
        return call("sum", self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Secret:
        return call("mean", self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]
