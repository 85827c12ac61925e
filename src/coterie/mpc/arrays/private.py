"""One party's own plaintext."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from coterie.mpc.arrays.dispatch import call
from coterie.mpc.arrays.numbers import Numbers
from coterie.mpc.form import PrivateForm

if TYPE_CHECKING:
    from coterie.mpc.arrays.secret import Secret

__all__ = ["Private", "Transposed"]


class Private(Numbers):
    """One party's own plaintext: in the clear at its owner, masked elsewhere, unknown to the dealer.

    Functions that know no better way take it for a secret, which costs no message. As a matrix it is best on
    the left of a product, ``private @ secret`` or ``private.T @ secret``: that opens the secret and masks
    the matrix, where it is not done yet.
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

    def __getitem__(self, key: Any) -> Secret:
        return self.secret()[key]

    def __eq__(self, other: object) -> bool:
        self._comparison()

    def __lt__(self, other: object) -> bool:
        self._comparison()

    __le__ = __gt__ = __ge__ = __lt__
    __hash__ = Numbers.__hash__

    def _comparison(self) -> NoReturn:
        self._no("comparison", "compare its secret() instead")


class Transposed:
    """``private.T``: only for products. No transposed copy is ever made."""

    def __init__(self, private: Private) -> None:
        self.private = private

    def __matmul__(self, secret: Secret) -> Secret:
        """(n, d).T @ (n,) or (n, m)."""
        return call("transposed_matmul", self.private, secret)  # type: ignore[no-any-return]
