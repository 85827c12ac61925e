"""From NumPy's names to the functions of this engine: for operators, for methods, and for NumPy itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from coterie.mpc.errors import SHAPES
from coterie.mpc.form import ShapeError
from coterie.mpc.location import program_line

__all__ = ["call", "implements", "numpy_function", "ufunc"]

Given = ParamSpec("Given")
Result = TypeVar("Result")

_FUNCTIONS: dict[str, Callable[..., Any]] = {}


def implements(*names: str) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Marks a public function, which does on secrets what NumPy's functions of these names do on arrays.

    Shapes that do not go together become CT-2112, with the program's line.
    """

    def register(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @wraps(function)
        def checked(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            try:
                return function(*args, **kwargs)
            except ShapeError as error:
                raise SHAPES(f"{function.__name__}{program_line()}: {error}") from error

        for name in (function.__name__, *names):
            _FUNCTIONS[name] = checked
        return checked

    return register


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """The function of that name. Raises TypeError where there is none."""
    try:
        function = _FUNCTIONS[name]
    except KeyError:
        raise TypeError(f"there is no {name} of secrets; coterie.mpc.functions lists what there is") from None
    return function(*args, **kwargs)


def ufunc(function: Any, method: str, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """``numpy.exp(secret)`` and ``ndarray + secret``."""
    if method != "__call__" or kwargs:
        raise TypeError(f"{function.__name__}.{method} of secrets takes no options such as out or where")
    return call(function.__name__, *inputs)


def numpy_function(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """``numpy.where(secret, ...)`` and the like."""
    return call(function.__name__, *args, **kwargs)
