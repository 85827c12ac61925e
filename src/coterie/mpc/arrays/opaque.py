"""What all arrays of a program have in common: a form that is public, and no way to the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from numpy.typing import NDArray

from coterie.mpc.arrays import dispatch
from coterie.mpc.form import Form, Shape
from coterie.mpc.ranges import Interval

if TYPE_CHECKING:
    from coterie.mpc.context import Context

__all__ = ["Opaque"]


class Opaque:
    """Base of :class:`Private`, :class:`Secret` and :class:`Bits`."""

    __hash__ = object.__hash__
    form: Form

    def __init__(self, context: Context, form: Any, number: int, value: Any, opened: bool = False) -> None:
        self.context = context
        self.form = form
        self.number = number
        """Its number on the tape."""
        self.value = value
        """What the interpreter of this context keeps of it."""
        self.opened = opened
        """Whether a masked form of it is public among the compute parties already, so that products are
        cheaper."""

    @property
    def shape(self) -> Shape:
        return self.form.shape

    @property
    def ndim(self) -> int:
        return len(self.form.shape)

    @property
    def size(self) -> int:
        return self.form.size

    @property
    def frac(self) -> int:
        return self.form.frac

    @property
    def range(self) -> Interval:
        """No value lies outside."""
        return self.form.range

    @property
    def bound(self) -> float:
        return self.form.bound

    def __array_ufunc__(self, function: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return dispatch.ufunc(function, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return dispatch.numpy_function(function, args, kwargs)

    def _no(self, what: str, instead: str = "reveal it first, where the plan allows that") -> NoReturn:
        raise TypeError(f"a {type(self).__name__} has no {what}: {instead}")

    def __bool__(self) -> NoReturn:  # noqa: PLE0304 - there is none to return
        self._no(
            "truth value",
            "what a program does cannot depend on a secret; compute both cases and choose with where(), "
            "or reveal it first, where the plan allows that",
        )

    def __index__(self) -> int:  # noqa: PLE0305 - there is none to return
        self._no("value to index with", "use lookup(), take_along_axis() or where(), or reveal it first")

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a scalar")
        return self.shape[0]

    def __iter__(self) -> NoReturn:
        self._no("iteration", "compute on the whole array, or slice it")

    def __array__(self, *_args: Any, **_kwargs: Any) -> NDArray[Any]:
        self._no("NumPy form")

    def __float__(self) -> float:
        self._no("number")

    def __int__(self) -> int:
        self._no("number")

    def __reduce__(self) -> NoReturn:
        self._no("serial form")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.number}: shape {self.shape}, {self.frac} fractional bits>"
