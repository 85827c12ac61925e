"""One party's own plaintext."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from coterie.mpc.arrays.dispatch import call
from coterie.mpc.arrays.opaque import Opaque
from coterie.mpc.form import PrivateForm

if TYPE_CHECKING:
    from coterie.mpc.arrays.secret import Secret

__all__ = ["Private", "Transposed"]


class Private(Opaque):
    """One party's own plaintext: in the clear at its owner, masked elsewhere, unknown to the dealer.

    Functions that know no better way take it for a secret, which costs no message.
    """

    form: PrivateForm

    @property
    def owner(self) -> str:
        return self.form.owner

    @property
    def T(self) -> Transposed:  # noqa: N802 - NumPy's name
        return Transposed(self)

    def secret(self) -> Secret:
        """The same values as a secret. Local, no message."""
        return call("as_secret", self)  # type: ignore[no-any-return]

    def __matmul__(self, secret: Secret) -> Secret:
        """(n, d) @ (d,) or (d, m). Opens ``secret`` and masks this matrix, where that is not done yet."""
        return call("matmul", self, secret)  # type: ignore[no-any-return]

    def __mul__(self, other: Any) -> Secret:
        """Element by element; shapes broadcast."""
        return call("multiply", self, other)  # type: ignore[no-any-return]

    __rmul__ = __mul__

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

    def __truediv__(self, other: Any) -> Secret:
        return call("divide", self, other)  # type: ignore[no-any-return]

    def __rtruediv__(self, other: Any) -> Secret:
        return call("divide", other, self)  # type: ignore[no-any-return]

    def __pow__(self, exponent: int) -> Secret:
        return call("power", self, exponent)  # type: ignore[no-any-return]

    def __getitem__(self, key: Any) -> Secret:
        return self.secret()[key]

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Secret:
        return call("sum", self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Secret:
        return call("mean", self, axis=axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> bool:
        self._comparison()

    def __lt__(self, other: object) -> bool:
        self._comparison()

    __le__ = __gt__ = __ge__ = __lt__
    __hash__ = Opaque.__hash__

    def _comparison(self) -> NoReturn:
        self._no("comparison", "compare its secret() instead")


class Transposed:
    """``private.T``: only for products. No transposed copy is ever made."""

    def __init__(self, private: Private) -> None:
        self.private = private

    def __matmul__(self, secret: Secret) -> Secret:
        """(n, d).T @ (n,) or (n, m)."""
        return call("transposed_matmul", self.private, secret)  # type: ignore[no-any-return]
