"""What programs are written against. Each interpreter (tracer, party, twin) is a context."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import digest
from coterie.mpc.arrays import Private, Secret, Transposed
from coterie.mpc.errors import BAD_PROGRAM
from coterie.mpc.form import Form, PrivateForm, Shape
from coterie.mpc.protocols import PROTOCOLS, Protocol
from coterie.mpc.ring import Words, encode, encode_scalar
from coterie.mpc.tape import Call

FRAC = 18
"""Fractional bits where a program does not say."""


class Context(ABC):
    """One interpretation of a program: the same calls in the same order, whatever becomes of them.

    All methods may raise CT-2101 (values could overflow) and CT-2106 (a program that makes no sense).
    """

    def __init__(self, parties: Sequence[str]) -> None:
        self.parties = tuple(parties)
        """The compute parties, in the agreement's order."""
        self._calls = 0
        self._values = 0
        self._section = ""
        self._guard: Secret | None = None
        self._names: set[tuple[str, str]] = set()

    @abstractmethod
    def _interpret(self, protocol: Protocol, call: Call, values: list[Any]) -> Sequence[Any]:
        """What becomes of one operation: the kept values of its outputs."""

    def apply(
        self,
        kind: str,
        inputs: Sequence[Secret | Private],
        constant: Words | None = None,
        **params: Any,
    ) -> tuple[Any, ...]:
        """Do one operation of the protocol ``kind``. The methods below are the readable way to this."""
        protocol = PROTOCOLS[kind]
        index = self._calls
        for array in inputs:
            if array.context is not self:
                raise BAD_PROGRAM(f"operation {index} ({kind}) uses an array of another run")
        forms = tuple(array.form for array in inputs)
        try:
            outputs = protocol.infer(self.parties, forms, params)
        except ValueError as error:
            raise BAD_PROGRAM(f"operation {index} ({kind}): {error}") from error
        numbers = tuple(range(self._values, self._values + len(outputs)))
        call = Call(
            index=index,
            kind=kind,
            section=self._section,
            inputs=tuple(array.number for array in inputs),
            outputs=numbers,
            params=params,
            input_forms=forms,
            output_forms=outputs,
            constant=constant,
        )
        for form in outputs:
            form.check(call.describe())
        self._calls += 1
        self._values += len(outputs)
        values = self._interpret(protocol, call, [array.value for array in inputs])
        opened = protocol.keeps_opening and all(array.opened for array in inputs)
        return tuple(
            Private(self, form, number, value)
            if isinstance(form, PrivateForm)
            else Secret(self, form, number, value, opened)
            for form, number, value in zip(outputs, numbers, values, strict=True)
        )

    def one(self, kind: str, inputs: Sequence[Secret | Private], **params: Any) -> Secret:
        """An operation with one secret as its output."""
        result: Secret = self.apply(kind, inputs, **params)[0]
        return result

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Name a part of the program, for progress and error messages."""
        before, self._section = self._section, name
        try:
            yield
        finally:
            self._section = before

    # Inputs

    def private(
        self,
        name: str,
        owner: str,
        shape: Shape,
        bound: float,
        frac: int = FRAC,
        *,
        row_sum: float | None = None,
        column_sum: float | None = None,
    ) -> Private:
        """The owner's plaintext input of that name: float64 of ``shape`` with magnitudes up to ``bound``.

        It stays at its owner; nothing is sent before it is first multiplied with a secret.

        :param row_sum: bound on the sum of magnitudes in each row of a matrix, checked at its owner.
        :param column_sum: the same for each column.
        """
        self._claim("inputs", name)
        params: dict[str, Any] = {"name": name, "owner": owner, "shape": list(shape), "bound": float(bound)}
        params |= {"frac": frac, "row_sum": row_sum, "column_sum": column_sum}
        result: Private = self.apply("private", [], **params)[0]
        return result

    def shared(self, name: str, shape: Shape, bound: float, frac: int = FRAC) -> Secret:
        """Shares that an earlier run kept, under that name in every party's inputs."""
        self._claim("inputs", name)
        return self.one("shared", [], name=name, shape=list(shape), bound=float(bound), frac=frac)

    def zeros(self, shape: Shape, frac: int = FRAC) -> Secret:
        """Zeros. Adding a private array to them makes it secret without a message."""
        return self.one("zeros", [], shape=list(shape), frac=frac)

    def public(self, values: NDArray[np.float64], frac: int = FRAC) -> Secret:
        """A public constant as if it were secret, to be added to secrets. Its digest is on the tape."""
        words = encode(np.asarray(values, dtype=np.float64), frac)
        bound = float(np.max(np.abs(values), initial=0.0))
        form = {"shape": list(words.shape), "frac": frac, "bound": bound}
        return self.one("public", [], constant=words, digest=digest(words.tobytes()), **form)

    # Local operations

    def add(self, left: Secret, right: Secret | Private | float) -> Secret:
        """Shapes broadcast as in NumPy. A plain number is rounded to the secret's fractional bits."""
        if isinstance(right, Secret):
            return self.one("add", [left, right], sign=1)
        if isinstance(right, Private):
            return self.one("add_private", [left, right], sign=1)
        value = encode_scalar(float(right), left.frac)
        return self.one("add_public", [left], value=str(value), bound=abs(float(right)))

    def subtract(self, left: Secret, right: Secret | Private | float) -> Secret:
        if isinstance(right, Secret):
            return self.one("add", [left, right], sign=-1)
        if isinstance(right, Private):
            return self.one("add_private", [left, right], sign=-1)
        return self.add(left, -right)

    def scale_by(self, secret: Secret, factor: NDArray[np.float64], frac: int) -> Secret:
        """Element by element times a public array of the same shape."""
        words = encode(factor, frac)
        bound = float(np.max(np.abs(factor), initial=0.0))
        params = {
            "digest": digest(words.tobytes()),
            "shape": list(words.shape),
            "frac": frac,
            "factor_bound": bound,
        }
        return self.one("scale_by", [secret], constant=words, **params)

    def slice(self, secret: Secret, key: Any) -> Secret:
        """Basic slicing with integers and slices, one for each axis or fewer."""
        keys = key if isinstance(key, tuple) else (key,)
        if len(keys) > secret.ndim or not all(isinstance(k, int | slice) for k in keys):
            raise BAD_PROGRAM(f"cannot slice an array of shape {secret.shape} by {key!r}")
        parts: list[Any] = []
        for k, length in zip(keys, secret.shape, strict=False):
            if isinstance(k, slice):
                start, stop, step = k.indices(length)
                if step < 1:
                    raise BAD_PROGRAM("slices go forward")
                parts.append([start, max(start, stop), step])
            else:
                if not -length <= k < length:
                    raise BAD_PROGRAM(f"index {k} is outside an axis of {length}")
                parts.append(k % length)
        return self.one("slice", [secret], key=parts)

    def concatenate(self, secrets: Sequence[Secret]) -> Secret:
        """Joined along the first axis, in the finest of their fixed-point formats."""
        frac = max(secret.frac for secret in secrets)
        return self.one("concatenate", [self.refine(secret, frac) for secret in secrets])

    def refine(self, secret: Secret, frac: int) -> Secret:
        """The same values with more fractional bits. Exact."""
        if secret.frac == frac:
            return secret
        return self.one("refine", [secret], frac=frac)

    # Protocols

    def open(self, *secrets: Secret) -> None:
        """Make masked forms public among the compute parties, in one round; nothing is learned from them.

        Products do this by themselves. Calling it joins the openings of several into one round.
        """
        closed = [secret for secret in secrets if not secret.opened]
        if closed:
            self.apply("open", closed)
            for secret in closed:
                secret.opened = True

    def mask(self, *privates: Private) -> None:
        """Publish masked forms of private inputs, in one round. Products do this by themselves."""
        bare = [private for private in privates if not private.opened]
        if bare:
            self.apply("mask", bare)
            for private in bare:
                private.opened = True

    def dot(self, pairs: Sequence[tuple[Private, Secret]]) -> Secret:
        """The sum of ``private @ secret`` over all pairs, at the dealt cost of one product."""
        return self.private_product("matmul", pairs)

    def private_product(self, operation: str, pairs: Sequence[tuple[Private, Secret]]) -> Secret:
        """``operation`` is "matmul", "matmul_t" (private.T @ secret) or "multiply"; see :meth:`dot`."""
        self.mask(*dict.fromkeys(private for private, _ in pairs))
        self.open(*dict.fromkeys(secret for _, secret in pairs))
        flat = [array for pair in pairs for array in pair]
        return self.one("private_product", flat, operation=operation)

    def product(self, operation: str, left: Secret, right: Secret) -> Secret:
        """Of two secrets: ``operation`` is "multiply" (equal shapes) or "matmul" (matrices, vectors)."""
        self.open(*dict.fromkeys((left, right)))
        return self.one("product", [left, right], operation=operation)

    def truncate(self, *secrets: Secret, frac: int) -> tuple[Secret, ...]:
        """Round all of them to ``frac`` fractional bits in one round, exact up to one unit in the last
        place."""
        result: tuple[Secret, ...] = self.apply("truncate", secrets, frac=frac)
        return result

    def sigmoid(self, logits: Secret, *, frac: int, limit: int = 10, terms: int = 12) -> Secret:
        """1 / (1 + exp(-logits)), in one round, for logits in ``[-limit, limit]``.

        Beyond the range its result is worthless, and :meth:`check` will find that out.
        See :mod:`coterie.mpc.protocols.trigonometric` for the supported pairs and their errors.
        """
        return self._guarded("sigmoid", logits, frac=frac, limit=limit, terms=terms)

    def check_range(self, secret: Secret, half_period: int) -> Secret:
        """The same values, in one round, vouched for by :meth:`check`: it passes every magnitude up to
        ``5/8 half_period``, and none from ``7/8 half_period``, which is the bound of the result.

        :param half_period: a power of two.
        """
        return self._guarded("range", secret, half_period=half_period)

    def within(self, secret: Secret, bound: float) -> Secret:
        """The same values, with a bound that the program's author has proven and nothing checks.

        For sums whose terms can not all be large at once. The place of the proof is beside the call.
        """
        return self.one("within", [secret], bound=float(bound))

    def check(self) -> None:
        """Fail with CT-2108 at all parties if any value left the range of a function since the last check.

        Two rounds; reveals that single bit. Every program with a ranged function ends with it, before any
        reveal.
        """
        if self._guard is not None:
            guard, self._guard = self._guard, None
            self.apply("check", [guard])

    def reveal(self, secret: Secret, to: Sequence[str], name: str) -> None:
        """Make the values known to the compute parties of ``to``, and to nobody else."""
        self._settled("reveal")
        self._claim("revealed", name)
        self.apply("reveal", [secret], to=list(to), name=name)

    def keep(self, secret: Secret, name: str) -> None:
        """Hand every party its share, under that name in the outputs of the run."""
        self._settled("keep")
        self._claim("kept", name)
        self.apply("keep", [secret], name=name)

    def _guarded(self, kind: str, secret: Secret, **params: Any) -> Secret:
        result: Secret
        result, guard = self.apply(kind, [secret], **params)
        self._guard = guard if self._guard is None else self._guard + guard
        return result

    def _settled(self, what: str) -> None:
        if self._guard is not None:
            raise BAD_PROGRAM(f"{what} before `check()`: a value could have left its range unseen")

    def _claim(self, what: str, name: str) -> None:
        if (what, name) in self._names:
            raise BAD_PROGRAM(f"two of the {what} are called {name!r}")
        self._names.add((what, name))

    def finish(self) -> None:
        """Called when the program has returned."""
        self._settled("the end")


Program: TypeAlias = Callable[[Context], None]

__all__ = ["FRAC", "Context", "Form", "Program", "Transposed"]
