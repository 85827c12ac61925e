"""Secret truth values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from coterie.mpc.arrays.dispatch import call
from coterie.mpc.arrays.opaque import Opaque
from coterie.mpc.form import BitsForm

if TYPE_CHECKING:
    from coterie.mpc.arrays.secret import Secret

__all__ = ["Bits"]


class Bits(Opaque):
    """Truth values that exist only as shares whose exclusive or they are: what comparisons give.

    To choose by them, see ``where``. Where numbers are needed, arithmetic takes them for 0 and 1, at the cost
    of :meth:`numbers`.
    """

    form: BitsForm

    def __and__(self, other: Any) -> Bits:
        return call("logical_and", self, other)  # type: ignore[no-any-return]

    __rand__ = __and__

    def __or__(self, other: Any) -> Bits:
        return call("logical_or", self, other)  # type: ignore[no-any-return]

    __ror__ = __or__

    def __xor__(self, other: Any) -> Bits:
        return call("logical_xor", self, other)  # type: ignore[no-any-return]

    __rxor__ = __xor__

    def __invert__(self) -> Bits:
        return call("logical_not", self)  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> Bits:  # type: ignore[override]
        return call("logical_not", call("logical_xor", self, other))  # type: ignore[no-any-return]

    def __ne__(self, other: object) -> Bits:  # type: ignore[override]
        return call("logical_xor", self, other)  # type: ignore[no-any-return]

    __hash__ = Opaque.__hash__

    def __getitem__(self, key: Any) -> Bits:
        return call("getitem", self, key)  # type: ignore[no-any-return]

    @property
    def T(self) -> Bits:  # noqa: N802 - NumPy's name
        return call("transpose", self, None)  # type: ignore[no-any-return]

    def reshape(self, *shape: int | Sequence[int]) -> Bits:
        sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return call("reshape", self, sizes)  # type: ignore[no-any-return]

    def numbers(self) -> Secret:
        """As secret numbers 0 and 1, without fractional bits. One round, one bit and 8 dealt bytes each."""
        return call("numbers", self)  # type: ignore[no-any-return]

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Secret:
        """How many are true."""
        return self.numbers().sum(axis=axis, keepdims=keepdims)

    def any(self, axis: int | None = None) -> Bits:
        return call("any", self, axis=axis)  # type: ignore[no-any-return]

    def all(self, axis: int | None = None) -> Bits:
        return call("all", self, axis=axis)  # type: ignore[no-any-return]

    def __add__(self, other: Any) -> Secret:
        return call("add", self, other)  # type: ignore[no-any-return]

    __radd__ = __add__

    def __sub__(self, other: Any) -> Secret:
        return call("subtract", self, other)  # type: ignore[no-any-return]

    def __rsub__(self, other: Any) -> Secret:
        return call("subtract", other, self)  # type: ignore[no-any-return]

    def __mul__(self, other: Any) -> Secret:
        """Times a number or secret: that where this is true, and zero elsewhere."""
        return call("where", self, other, 0)  # type: ignore[no-any-return]

    __rmul__ = __mul__
