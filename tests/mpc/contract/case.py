"""What a case is: a small program, its inputs, and what NumPy says that comes out.

Every case runs on the float64 twin, the exact fixed-point twin, with two, three and five compute parties in
this process, and with two and three over TLS. Each time its results are within the tolerance that the
operation's docstring states, and the bytes and rounds that the links counted are those of the tape. With two
parties and deterministic seeds, what goes over the wire is the *golden transcript*, hashed in
``golden.json``. After a deliberate change of the wire:

    python -m tests.mpc.contract.golden            # all cases; or those named

To add cases: a file in ``cases/`` with a list ``CASES``. Programs give named results, numbers
or truth values; the suite reveals them. ::

    CASES = [
        Case("less of secrets", lambda ctx, a: {"less": a.x < a.y}, dict(x=number(X), y=number(Y, owner=1))),
    ]

Where the same expression means the same to NumPy, as here, NumPy computes it from the plain arrays; else the
case has an ``oracle``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from coterie.mpc import Bits, Context, Private, Program, Secret
from coterie.mpc.ranges import Interval
from tests.mpc.rig import NAMES

FRAC = 18
PARTIES = (*NAMES, "insurer", "clinic")
"""As many as can compute together."""

Arrays = SimpleNamespace
"""The inputs of a case, by name."""
Results = Mapping[str, Any]


@dataclass(frozen=True)
class Given:
    """An input."""

    values: NDArray[Any]
    bound: float | tuple[float, float]
    frac: int = FRAC
    owner: int = 0
    """The place of its owner among the parties, counted round where there are fewer."""
    kind: Literal["number", "private", "permutation", "truth"] = "number"

    def enter(self, ctx: Context, name: str) -> Secret | Private | Bits:
        """As an array of the program."""
        owner = ctx.parties[self.owner % len(ctx.parties)]
        if self.kind == "permutation":
            return ctx.private_permutation(name, owner, self.values.size)
        private = ctx.private(name, owner, self.values.shape, self.bound, self.frac)
        if self.kind == "private":
            return private
        secret = private.secret()
        return ctx.truth("low_bit", [secret]) if self.kind == "truth" else secret


def number(values: Any, bound: float | tuple[float, float] | None = None, **options: Any) -> Given:
    """A secret number, made of its owner's plaintext; by default in the range that its values take."""
    array = np.asarray(values, dtype=np.float64)
    if bound is None:
        bound = (float(array.min()), float(array.max())) if array.size else 0.0
    return Given(array, bound, **options)


def private(values: Any, bound: float | tuple[float, float] | None = None, **options: Any) -> Given:
    """An owner's plaintext."""
    return number(values, bound, kind="private", **options)


def permutation(values: Any, owner: int = 0) -> Given:
    """An owner's permutation."""
    return Given(np.asarray(values, dtype=np.int64), (0.0, len(values) - 1.0), 0, owner, "permutation")


def truth(values: Any, owner: int = 0) -> Given:
    """Secret truth values."""
    return Given(np.asarray(values, dtype=bool), (0.0, 1.0), 0, owner, "truth")


@dataclass(frozen=True)
class Case:
    """One program and its truth."""

    name: str
    program: Callable[[Any, Arrays], Results]
    """Of a context, and of the inputs as attributes. Without an oracle it is called for NumPy, with None and
    plain arrays."""
    given: Mapping[str, Given]
    oracle: Callable[[Arrays], Results] | None = None
    """Of plain arrays."""
    tolerance: float | Mapping[str, float] = 0.0
    """Largest error of any element, for all results or by name: as the docstring of the operation says."""
    relative: float = 0.0
    """As many times the magnitude is allowed beside."""
    float_tolerance: float = 1e-9
    """For the float64 twin, absolute and relative. More for what it approximates as the parties do."""
    parties: tuple[int, ...] = (2, 3, 5)
    """How many can run it."""
    tracing: Mapping[str, Any] | None = None
    """Further arguments of the trace: the network, for instance."""

    def whole(self) -> Program:
        """The program with its inputs, and with its results revealed to all."""

        def program(ctx: Context) -> None:
            arrays = Arrays(**{name: given.enter(ctx, name) for name, given in self.given.items()})
            results = self.program(ctx, arrays)
            ctx.check()
            for name, result in results.items():
                ctx.reveal(result, ctx.parties, name)

        return program

    @property
    def inputs(self) -> dict[str, NDArray[Any]]:
        return {name: given.values for name, given in self.given.items()}

    def wanted(self) -> dict[str, NDArray[Any]]:
        """NumPy's results."""
        arrays = Arrays(**self.inputs)
        results = self.oracle(arrays) if self.oracle else self.program(None, arrays)
        return {name: np.asarray(result) for name, result in results.items()}

    def compare(self, got: Mapping[str, NDArray[Any]], *, exact: bool) -> None:
        """Raises AssertionError where a result is not what NumPy says.

        :param exact: in float64: no error of fixed point is allowed for.
        """
        wanted = self.wanted()
        assert set(got) == set(wanted)
        for name, value in wanted.items():
            allowed = self.tolerance if isinstance(self.tolerance, int | float) else self.tolerance[name]
            absolute, relative = allowed, self.relative
            if exact:
                absolute = relative = self.float_tolerance
            assert np.shape(got[name]) == value.shape, f"{name}: {np.shape(got[name])}, not {value.shape}"
            assert (np.asarray(got[name]).dtype == bool) == (value.dtype == bool), name
            np.testing.assert_allclose(
                np.asarray(got[name], np.float64),
                value.astype(np.float64),
                rtol=relative,
                atol=absolute,
                err_msg=f"{self.name}: {name}",
            )


def multiples(*shape: int, seed: int = 0, low: float = -8.0, high: float = 8.0, frac: int = FRAC) -> Any:
    """Random numbers that fixed point holds exactly, so that every difference is the operation's."""
    raw = np.random.default_rng(seed).uniform(low, high, shape)
    return np.clip(np.rint(np.asarray(raw) * 2.0**frac) / 2.0**frac, low, high)


def span(low: float, high: float) -> Interval:
    """A range, for programs that state one."""
    return Interval(low, high)
