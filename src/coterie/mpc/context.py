"""What programs are written against. Each interpreter (tracer, party, twin) is a context."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import digest
from coterie.mpc.arrays import Bits, Private, Secret
from coterie.mpc.arrays.dispatch import call
from coterie.mpc.errors import BAD_PROGRAM, NOT_FINITE, SHAPES
from coterie.mpc.form import BitsForm, Form, PrivateForm, Shape, ShapeError
from coterie.mpc.location import program_line
from coterie.mpc.network import Network
from coterie.mpc.protocols import PROTOCOLS, Protocol
from coterie.mpc.ranges import Interval, between
from coterie.mpc.ring import FRAC, Words, check_fits, decode, encode, fits
from coterie.mpc.tape import Call

Bound: TypeAlias = float | tuple[float, float] | Interval
"""How programs say a range: a largest magnitude, or ``(low, high)``."""


class Context(ABC):
    """One interpretation of a program: the same calls in the same order, whatever becomes of them.

    All methods may raise CT-2101 (values could overflow) and CT-2106 (a program that makes no sense).
    """

    def __init__(self, parties: Sequence[str], network: Network | None = None) -> None:
        self.network = network
        """What protocols are chosen by, where there are several for one operation."""
        self.parties = tuple(parties)
        """The compute parties, in the agreement's order."""
        self._calls = 0
        self._values = 0
        self._section = ""
        self._guard: Secret | None = None
        self._folded: Bits | None = None
        self._promises: list[str] = []
        self._names: set[tuple[str, str]] = set()

    @abstractmethod
    def _interpret(self, protocol: Protocol, call: Call, values: list[Any]) -> Sequence[Any]:
        """What becomes of one operation: the kept values of its outputs."""

    def apply(
        self,
        kind: str,
        inputs: Sequence[Secret | Private | Bits],
        constant: Words | None = None,
        **params: Any,
    ) -> tuple[Any, ...]:
        """Do one operation of the protocol ``kind``. The methods below are the readable way to this."""
        protocol = PROTOCOLS[kind]
        index = self._calls
        for array in inputs:
            if type(getattr(array, "form", None)) not in protocol.takes:
                instead = ": take its secret()" if isinstance(array, Private) else ""
                raise TypeError(f"{kind}{program_line()} takes no {type(array).__name__}{instead}")
            if array.context is not self:
                raise BAD_PROGRAM(f"operation {index} ({kind}){program_line()} uses an array of another run")
        forms = tuple(array.form for array in inputs)
        try:
            outputs = protocol.infer(self.parties, forms, params)
        except ShapeError as error:
            raise SHAPES(f"operation {index} ({kind}){program_line()}: {error}") from error
        except ValueError as error:
            raise BAD_PROGRAM(f"operation {index} ({kind}){program_line()}: {error}") from error
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
            if not fits(form.bound, form.frac):
                form.check(call.describe() + program_line())
        self._calls += 1
        self._values += len(outputs)
        values = self._interpret(protocol, call, [array.value for array in inputs])
        opened = protocol.keeps_opening and all(array.opened for array in inputs)
        return tuple(
            _KINDS.get(type(form), Secret)(self, form, number, value, opened)
            for form, number, value in zip(outputs, numbers, values, strict=True)
        )

    def one(self, kind: str, inputs: Sequence[Secret | Private | Bits], **params: Any) -> Secret:
        """An operation with one secret as its output."""
        result: Secret = self.apply(kind, inputs, **params)[0]
        return result

    def truth(self, kind: str, inputs: Sequence[Secret | Private | Bits], **params: Any) -> Bits:
        """An operation with truth values as its one output."""
        result: Bits = self.apply(kind, inputs, **params)[0]
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
        bound: Bound,
        frac: int = FRAC,
        *,
        row_sum: float | None = None,
        column_sum: float | None = None,
    ) -> Private:
        """The owner's plaintext input of that name: float64 of ``shape``, with magnitudes up to ``bound`` or
        values from ``bound[0]`` to ``bound[1]``.

        It stays at its owner; nothing is sent before it is first multiplied with a secret.

        :param row_sum: bound on the sum of magnitudes in each row of a matrix, checked at its owner.
        :param column_sum: the same for each column.
        """
        self._claim("inputs", name)
        params = _input(name, owner, shape, bound, frac) | {"row_sum": row_sum, "column_sum": column_sum}
        result: Private = self.apply("private", [], **params)[0]
        return result

    def private_permutation(self, name: str, owner: str, length: int) -> Private:
        """The owner's plaintext input of that name: the whole numbers from 0 to ``length`` - 1, each once.

        For :func:`~coterie.mpc.functions.permute`. It stays at its owner. Errors there: CT-2115, and those of
        other inputs.
        """
        self._claim("inputs", name)
        params = _input(name, owner, (length,), (0, max(length - 1, 0)), 0) | {"permutation": True}
        result: Private = self.apply("private", [], **params)[0]
        return result

    def provided(self, name: str, owner: str, shape: Shape, bound: Bound, frac: int = FRAC) -> Secret:
        """The owner's plaintext input of that name, as :meth:`private` takes it, as shares.

        The owner is a guest, who sends 8 bytes for each element to one compute party, or a compute party,
        who sends nothing. One round. Nobody learns anything. Errors at its owner: CT-2102, CT-2103, CT-2107.
        """
        self._claim("inputs", name)
        return self.one("provided", [], **_input(name, owner, shape, bound, frac))

    def shared(self, name: str, shape: Shape, bound: Bound, frac: int = FRAC) -> Secret:
        """Shares that an earlier run kept, under that name in every party's inputs."""
        self._claim("inputs", name)
        return self.one("shared", [], name=name, shape=list(shape), range=between(bound).to_list(), frac=frac)

    def shared_truth(self, name: str, shape: Shape) -> Bits:
        """The same of truth values."""
        self._claim("inputs", name)
        return self.truth("shared", [], name=name, shape=list(shape), truth=True)

    def zeros(self, shape: Shape, frac: int = FRAC) -> Secret:
        """Zeros. Adding a private array to them makes it secret without a message."""
        return self.one("zeros", [], shape=list(shape), frac=frac)

    def public(self, values: NDArray[np.float64], frac: int = FRAC) -> Secret:
        """A public constant as if it were secret, to be added to secrets. Its digest is on the tape."""
        array = np.asarray(values, dtype=np.float64)
        if not np.isfinite(array).all():
            raise NOT_FINITE("a public constant")
        check_fits(float(np.max(np.abs(array), initial=0.0)), frac, "a public constant" + program_line())
        words = np.asarray(encode(array, frac))
        rounded = decode(words, frac)
        span = [float(rounded.min()), float(rounded.max())] if array.size else [0.0, 0.0]
        form = {"shape": list(words.shape), "frac": frac, "range": span}
        return self.one("public", [], constant=words, digest=digest(words.tobytes()), **form)

    # Local operations

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

    def private_product(
        self, operation: str, pairs: Sequence[tuple[Private, Secret]], bound: Bound | None = None
    ) -> Secret:
        """``operation`` is "matmul", "matmul_t" (private.T @ secret) or "multiply"; see :meth:`dot`.

        :param bound: of the result, where the program's author has proven one, as for :meth:`within`. It is
            what has to fit the ring: terms of a sum need not all be large at once.
        """
        self.mask(*dict.fromkeys(private for private, _ in pairs))
        self.open(*dict.fromkeys(secret for _, secret in pairs))
        flat = [array for pair in pairs for array in pair]
        return self.one("private_product", flat, operation=operation, **_proven(bound))

    def product(self, operation: str, left: Secret, right: Secret, bound: Bound | None = None) -> Secret:
        """Of two secrets: ``operation`` is "multiply" (equal shapes) or "matmul" (matrices, vectors).

        :param bound: as for :meth:`private_product`.
        """
        self.open(*dict.fromkeys((left, right)))
        return self.one("product", [left, right], operation=operation, **_proven(bound))

    def truncate(self, *secrets: Secret, frac: int) -> tuple[Secret, ...]:
        """Round all of them to ``frac`` fractional bits in one round, exact up to one unit in the last
        place."""
        result: tuple[Secret, ...] = self.apply("truncate", secrets, frac=frac)
        return result

    def sigmoid(
        self, logits: Secret, *, frac: int, limit: int = 10, terms: int = 7, halve: bool = False
    ) -> Secret:
        """1 / (1 + exp(-logits)) for logits in ``[-limit, limit]``, watched by :meth:`check`; in one
        round, or halved in two.

        :mod:`coterie.mpc.fourier_tables` has the pairs of limit and terms, and their errors;
        :func:`coterie.mpc.functions.sigmoid` chooses among them.
        """
        result: Secret = call("sigmoid_of", logits, limit, terms, frac, halve)
        return result

    def check_range(self, secret: Secret, half_period: float) -> Secret:
        """The same values, in one round, vouched for by :meth:`check`: it passes every magnitude up to
        ``5/8 half_period``, and none from ``7/8 half_period``, which is the bound of the result.

        :param half_period: a power of two.
        """
        return self.guarded("range", secret, half_period=half_period)

    def within(self, secret: Secret, bound: Bound) -> Secret:
        """The same values, with a bound that the program's author has proven and nothing checks.

        For sums whose terms can not all be large at once. The place of the proof is beside the call.
        """
        return self.one("within", [secret], range=between(bound).to_list())

    def check(self) -> None:
        """Fail with CT-2108 at all parties if any value left the range of a function, or a promised bound,
        since the last check.

        Two rounds for each of the two; reveals that single bit. Every program with a ranged function or a
        promise ends with it, before any reveal.
        """
        if self._guard is not None:
            guard, self._guard = self._guard, None
            self.apply("check", [guard])
        if self._folded is not None:
            folded, self._folded = self._folded, None
            names, self._promises = self._promises, []
            self.apply("check_bounds", [folded], names=list(dict.fromkeys(names)))

    def promise(self, broken: Bits, name: str = "") -> None:
        """Have :meth:`check` fail if any of these is true. Local: nothing is sent before the check.

        :param name: what the error calls it, among other promises; by default the section of the program.
        """
        folded = self.truth("fold", [broken])
        self._folded = folded if self._folded is None else self.truth("xor", [self._folded, folded])
        self._promises.append(name or self._section or "a bound")

    def reveal(self, secret: Secret | Bits, to: Sequence[str], name: str, note: str = "") -> None:
        """Make the values known to the compute parties and guests of ``to``, and to nobody else.

        They get float64, of truth values booleans.

        :param note: what the plan says of it beside its name, such as the noise that it carries.
        """
        self._settled("reveal")
        self._claim("revealed", name)
        more: dict[str, Any] = {"note": note} if note else {}
        self.apply("reveal", [secret], to=list(to), name=name, **more)

    def keep(self, secret: Secret | Bits, name: str) -> None:
        """Hand every party its share, under that name in the outputs of the run."""
        self._settled("keep")
        self._claim("kept", name)
        self.apply("keep", [secret], name=name)

    def guarded(self, kind: str, secret: Secret, **params: Any) -> Secret:
        """An operation whose second output :meth:`check` looks at: the sums of a range guard."""
        result: Secret
        result, guard = self.apply(kind, [secret], **params)
        self._guard = guard if self._guard is None else self._guard + guard
        return result

    def _settled(self, what: str) -> None:
        if self._guard is not None or self._folded is not None:
            raise BAD_PROGRAM(
                f"{what}{program_line()} before `check()`: a value could have left its range unseen"
            )

    def _claim(self, what: str, name: str) -> None:
        if (what, name) in self._names:
            raise BAD_PROGRAM(f"two of the {what} are called {name!r}{program_line()}")
        self._names.add((what, name))

    def finish(self) -> None:
        """Called when the program has returned."""
        self._settled("the end")


_KINDS: dict[type[Form], type[Secret | Private | Bits]] = {PrivateForm: Private, BitsForm: Bits}


def _input(name: str, owner: str, shape: Shape, bound: Bound, frac: int) -> dict[str, Any]:
    return {
        "name": name,
        "owner": owner,
        "shape": list(shape),
        "range": between(bound).to_list(),
        "frac": frac,
    }


def _proven(bound: Bound | None) -> dict[str, Any]:
    return {} if bound is None else {"range": between(bound).to_list()}


Program: TypeAlias = Callable[[Context], None]

__all__ = ["FRAC", "Bound", "Context", "Form", "Program"]
