"""Arrays that programs compute with: a party's own plaintext, and secrets that nobody holds whole.

They behave like NumPy arrays where the protocols allow it. What would need the value itself (truth,
iteration, comparison, conversion to NumPy) is refused: a secret has no such thing until it is revealed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.form import Form, PrivateForm, Shape
from coterie.mpc.ring import encode_scalar

if TYPE_CHECKING:
    from coterie.mpc.context import Context


class _Opaque:
    """Common to all: no way to the value."""

    __array_ufunc__ = None  # numpy_array + secret must come to our operators, not become an array of objects
    __hash__ = object.__hash__

    def __init__(self, context: Context, form: Form, number: int, value: Any, opened: bool) -> None:
        self.context = context
        self._form = form
        self.number = number
        """Its number on the tape."""
        self.value = value
        """What the interpreter of this context keeps of it."""
        self.opened = opened
        """Whether a masked form of it is public among the compute parties already, so that products are
        cheaper."""

    @property
    def shape(self) -> Shape:
        return self._form.shape

    @property
    def ndim(self) -> int:
        return len(self._form.shape)

    @property
    def size(self) -> int:
        return self._form.size

    @property
    def frac(self) -> int:
        return self._form.frac

    @property
    def bound(self) -> float:
        return self._form.bound

    def _no(self, what: str) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} has no {what}: reveal it first, where the plan allows that")

    def __bool__(self) -> NoReturn:  # noqa: PLE0304 - there is none to return
        self._no("truth value")

    def __iter__(self) -> NoReturn:
        self._no("iteration")

    def __array__(self, *_args: Any, **_kwargs: Any) -> NDArray[Any]:
        self._no("NumPy form")

    def __float__(self) -> float:
        self._no("number")

    def __int__(self) -> int:
        self._no("number")

    def __eq__(self, other: object) -> bool:
        self._no("comparison")

    def __lt__(self, other: object) -> bool:
        self._no("comparison")

    __le__ = __gt__ = __ge__ = __lt__

    def __reduce__(self) -> NoReturn:
        self._no("serial form")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.number}: shape {self.shape}, {self.frac} fractional bits>"


class Private(_Opaque):
    """One party's own plaintext: in the clear at its owner, masked elsewhere, unknown to the dealer."""

    form: PrivateForm

    def __init__(
        self, context: Context, form: PrivateForm, number: int, value: Any, opened: bool = False
    ) -> None:
        super().__init__(context, form, number, value, opened)
        self.form = form

    @property
    def owner(self) -> str:
        return self.form.owner

    @property
    def T(self) -> Transposed:  # noqa: N802 - NumPy's name
        return Transposed(self)

    def __matmul__(self, secret: Secret) -> Secret:
        """(n, d) @ (d,) or (d, m). Opens ``secret`` and masks this matrix, where that is not done yet."""
        return self.context.dot([(self, secret)])

    def __mul__(self, secret: Secret) -> Secret:
        """Element by element, equal shapes."""
        return self.context.private_product("multiply", [(self, secret)])

    __rmul__ = __mul__


class Transposed:
    """``private.T``: only for products. No transposed copy is ever made."""

    def __init__(self, private: Private) -> None:
        self.private = private

    def __matmul__(self, secret: Secret) -> Secret:
        """(n, d).T @ (n,) or (n, m)."""
        return self.private.context.private_product("matmul_t", [(self.private, secret)])


class Secret(_Opaque):
    """A value that exists only as additive shares in Z_2^64."""

    form: Form

    def __init__(self, context: Context, form: Form, number: int, value: Any, opened: bool = False) -> None:
        super().__init__(context, form, number, value, opened)
        self.form = form

    def __add__(self, other: Secret | Private | float) -> Secret:
        return self.context.add(self, other)

    def __radd__(self, other: Private | float) -> Secret:
        return self.context.add(self, other)

    def __sub__(self, other: Secret | Private | float) -> Secret:
        return self.context.subtract(self, other)

    def __rsub__(self, other: Private | float) -> Secret:
        return self.context.add(-self, other)

    def __neg__(self) -> Secret:
        return self.context.one("scale", [self], factor="-1", frac=0)

    def __mul__(self, factor: int) -> Secret:
        """Times a public integer, exactly. For other public factors see :meth:`times`."""
        if not isinstance(factor, int):
            return NotImplemented
        return self.context.one("scale", [self], factor=str(factor), frac=0)

    __rmul__ = __mul__

    def times(self, factor: float | NDArray[np.float64], frac: int) -> Secret:
        """Times a public factor that is rounded to ``frac`` fractional bits; the result has as many more.
        Local.

        An array factor has this secret's shape.
        """
        if isinstance(factor, np.ndarray):
            return self.context.scale_by(self, factor, frac)
        return self.context.one("scale", [self], factor=str(encode_scalar(factor, frac)), frac=frac)

    def ldexp(self, exponent: int) -> Secret:
        """Times 2^exponent, by counting fractional bits otherwise. Local and exact."""
        return self.context.one("ldexp", [self], exponent=exponent)

    def __matmul__(self, other: Secret) -> Secret:
        return self.context.product("matmul", self, other)

    def __getitem__(self, key: Any) -> Secret:
        """Basic slicing. A slice of an opened array stays opened."""
        return self.context.slice(self, key)

    def reshape(self, *shape: int | Sequence[int]) -> Secret:
        sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
        wanted = [int(size) for size in sizes]  # type: ignore[arg-type]
        if -1 in wanted:
            known = -math.prod(wanted)
            wanted[wanted.index(-1)] = self.size // known if known else 0
        return self.context.one("reshape", [self], shape=wanted)

    def sum(self, axis: int | None = None) -> Secret:
        return self.context.one("sum", [self], axis=axis)
