"""Linear maps of shares: local, exact, without messages."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from coterie._kernels import matmul
from coterie.mpc.form import BitsForm, Form, PrivateForm, ShapeError, broadcast
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ranges import Interval, between
from coterie.mpc.ring import Floats, Words, as_words, decode, shifted
from coterie.mpc.shares import Held, Share
from coterie.mpc.tape import Call, Instruction

if TYPE_CHECKING:
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin


class _Local(Protocol):
    """Base: one function of arrays in the ring, one of numbers."""

    takes: ClassVar[tuple[type[Form], ...]] = (Form,)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        return [Share(np.asarray(self.ring(call, [share.words for share in values], party.is_first)))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [np.asarray(self.ring(call, values, True))]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [self.real(call, values)]

    @abstractmethod
    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        """Of shares. Exactly one party is ``first``: it adds what is public."""

    @abstractmethod
    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        """The same of numbers."""


class Add(_Local):
    """Two secrets, added or subtracted."""

    kind = "add"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        left, right = forms
        return (_sum(left, right, params["sign"]),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        left, right = _aligned(call, values)
        return left + right if call.params["sign"] > 0 else left - right

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.add(values[0], values[1]) if call.params["sign"] > 0 else np.subtract(*values)


def _sum(left: Form, right: Form, sign: int) -> Form:
    if isinstance(left, BitsForm) or isinstance(right, BitsForm):
        raise ValueError("truth values are made numbers before they are added")
    span = left.range + right.range if sign > 0 else left.range - right.range
    return Form(broadcast(left.shape, right.shape), max(left.frac, right.frac), span)


def _aligned(call: Call, values: Sequence[Words]) -> list[Words]:
    frac = call.output_forms[0].frac
    return [shifted(value, frac - form.frac) for value, form in zip(values, call.input_forms, strict=True)]


class AddPrivate(_Local):
    """A secret and a party's own plaintext, added or subtracted: its owner does it."""

    kind = "add_private"
    takes = (Form, PrivateForm)

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        left, right = forms
        if isinstance(left, PrivateForm) or not isinstance(right, PrivateForm):
            raise ValueError("takes a secret and a private array")
        return (_sum(left, right, params["sign"]),)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        share, held = values
        assert isinstance(held, Held)
        own = held.own
        if own is not None:
            return [Share(np.asarray(self.ring(call, [share.words, as_words(own)], True)))]
        left = shifted(share.words, call.output_forms[0].frac - call.input_forms[0].frac)
        return [Share(np.broadcast_to(left, call.output_forms[0].shape))]

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        left, right = _aligned(call, values)
        return left + right if call.params["sign"] > 0 else left - right

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.add(values[0], values[1]) if call.params["sign"] > 0 else np.subtract(*values)


class AddPublic(_Local):
    """A secret and a public array, in the secret's fixed-point format. Shapes broadcast."""

    kind = "add_public"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, span = forms[0], Interval(*params["range"])
        return (Form(broadcast(form.shape, tuple(params["shape"])), form.frac, form.range + span),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        if not first:
            return np.broadcast_to(values[0], call.output_forms[0].shape)
        return values[0] + _constant(call)

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.add(values[0], decode(_constant(call), call.output_forms[0].frac))


def _constant(call: Call) -> Words:
    assert call.constant is not None
    return call.constant


def _word(value: int) -> np.uint64:
    return np.uint64(value % 2**64)


class Scale(_Local):
    """A secret times a public number."""

    kind = "scale"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, factor = forms[0], int(params["factor"]) / 2.0 ** params["frac"]
        return (Form(form.shape, form.frac + params["frac"], form.range * factor),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return values[0] * _word(int(call.params["factor"]))

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        factor: float = int(call.params["factor"]) / 2.0 ** call.params["frac"]
        return values[0] * factor


class ScaleBy(_Local):
    """A secret times a public array, element by element. Shapes broadcast."""

    kind = "scale_by"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, factor = forms[0], Interval(*params["range"])
        shape = broadcast(form.shape, tuple(params["shape"]))
        return (Form(shape, form.frac + params["frac"], form.range * factor),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return values[0] * _constant(call)

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.multiply(values[0], decode(_constant(call), call.params["frac"]))


class PublicMatmul(_Local):
    """A public matrix times a secret one, both of two dimensions."""

    kind = "public_matmul"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, (rows, inner) = forms[0], params["shape"]
        if len(form.shape) != 2 or form.shape[0] != inner:
            raise ShapeError(f"no matmul of shapes {(rows, inner)} and {form.shape}")
        row_sums = between(params["row_sum"] * form.bound)
        span = (Interval(*params["range"]) * form.range).summed(inner).cut(row_sums)
        return (Form((rows, form.shape[1]), form.frac + params["frac"], span),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return matmul(_constant(call), np.ascontiguousarray(values[0]))

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.asarray(decode(_constant(call), call.params["frac"]) @ values[0])


class Ldexp(_Local):
    """Times a power of two, by another reading of the same ring elements."""

    kind = "ldexp"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, exponent = forms[0], params["exponent"]
        if form.frac - exponent < 0:
            raise ValueError(f"{form.frac} fractional bits are too few to multiply by 2^{exponent}")
        return (Form(form.shape, form.frac - exponent, form.range * 2.0**exponent),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return values[0]

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        factor: float = 2.0 ** call.params["exponent"]
        return values[0] * factor


class Refine(_Local):
    """More fractional bits."""

    kind = "refine"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form = forms[0]
        if params["frac"] < form.frac:
            raise ValueError("fewer fractional bits need truncation")
        return (Form(form.shape, params["frac"], form.range),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return shifted(values[0], call.output_forms[0].frac - call.input_forms[0].frac)

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return values[0]


class Within(_Local):
    """A tighter bound on the same values, on the author's word."""

    kind = "within"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form = forms[0]
        return (Form(form.shape, form.frac, form.range.cut(Interval(*params["range"]))),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return values[0]

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return values[0]


class Sum(_Local):
    """The sum along some axes, which go. ``range``: a bound of it that the program's author has proven."""

    kind = "sum"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, axes = forms[0], params["axes"]
        shape = tuple(length for axis, length in enumerate(form.shape) if axis not in axes)
        count = math.prod(form.shape[axis] for axis in axes)
        span = form.range.summed(count)
        if "range" in params:
            span = span.cut(Interval(*params["range"]))
        return (Form(shape, form.frac, span),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return np.asarray(values[0].sum(axis=tuple(call.params["axes"]), dtype=np.uint64))

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.asarray(values[0].sum(axis=tuple(call.params["axes"])))


class Cumsum(_Local):
    """Running sums along an axis."""

    kind = "cumsum"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form = forms[0]
        return (Form(form.shape, form.frac, form.range.partial_sums(max(1, form.shape[params["axis"]]))),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return np.cumsum(values[0], axis=call.params["axis"], dtype=np.uint64)

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.asarray(np.cumsum(values[0], axis=call.params["axis"]))


class SegmentSum(_Local):
    """Rows (the first axis) added up by a public number of their segment, the call's constant."""

    kind = "segment_sum"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, largest = forms[0], params["largest"]
        span = form.range.partial_sums(max(1, largest)).hull(Interval(0.0, 0.0))
        return (Form((params["segments"], *form.shape[1:]), form.frac, span),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return np.asarray(self._add(call, values[0]))

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.asarray(self._add(call, values[0]))

    @staticmethod
    def _add(call: Call, values: Any) -> Any:
        result = np.zeros(call.output_forms[0].shape, values.dtype)
        np.add.at(result, _constant(call).view(np.int64), values)
        return result


PROTOCOLS = (
    Add(),
    AddPrivate(),
    AddPublic(),
    Scale(),
    ScaleBy(),
    PublicMatmul(),
    Ldexp(),
    Refine(),
    Within(),
    Sum(),
    Cumsum(),
    SegmentSum(),
)
