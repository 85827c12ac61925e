"""Linear maps of shares: local, exact, without messages."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.form import Form, PrivateForm
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import Floats, Words, as_words, decode, shifted
from coterie.mpc.shares import Held, Opening, Share
from coterie.mpc.tape import Call, Instruction

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin


class _Local(Protocol):
    """Base: one function of arrays in the ring, one of numbers."""

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        return [Share(self.ring(call, [share.words for share in values], party.is_first))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [self.ring(call, values, True)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [self.real(call, values)]

    @abstractmethod
    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        """Of shares. Exactly one party is ``first``: it adds what is public."""

    @abstractmethod
    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        """The same of numbers."""


class _View(_Local):
    """Base: the same function of shares, openings, masks and numbers."""

    keeps_opening = True

    @abstractmethod
    def see(self, call: Call, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Of arrays of whatever stands for the values."""

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        see = _seer(self, instruction.call)
        opening = None
        if all(share.opening is not None for share in values):
            opening = Opening(
                see([share.opening.opened for share in values]), see([share.opening.mask for share in values])
            )
        return [Share(see([share.words for share in values]), opening)]

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call = instruction.call
        dealer.view(call.outputs[0], call.inputs, _seer(self, call))

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return self.see(call, values)

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return self.see(call, values)


def _seer(view: _View, call: Call) -> Callable[[Sequence[NDArray[Any]]], NDArray[Any]]:
    return lambda values: view.see(call, values)


class Add(_Local):
    """Two secrets, added or subtracted."""

    kind = "add"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        left, right = forms
        shape = np.broadcast_shapes(left.shape, right.shape)
        return (Form(shape, max(left.frac, right.frac), left.bound + right.bound),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        left, right = _aligned(call, values)
        return left + right if call.params["sign"] > 0 else left - right

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.add(values[0], values[1]) if call.params["sign"] > 0 else np.subtract(*values)


def _aligned(call: Call, values: Sequence[Words]) -> list[Words]:
    frac = call.output_forms[0].frac
    return [shifted(value, frac - form.frac) for value, form in zip(values, call.input_forms, strict=True)]


class AddPrivate(_Local):
    """A secret and a party's own plaintext, added or subtracted: its owner does it."""

    kind = "add_private"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        left, right = forms
        if isinstance(left, PrivateForm) or not isinstance(right, PrivateForm):
            raise ValueError("takes a secret and a private array")
        shape = np.broadcast_shapes(left.shape, right.shape)
        return (Form(shape, max(left.frac, right.frac), left.bound + right.bound),)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        share, held = values
        assert isinstance(held, Held)
        if held.own is not None:
            return [Share(self.ring(call, [share.words, as_words(held.own)], True))]
        left = shifted(share.words, call.output_forms[0].frac - call.input_forms[0].frac)
        return [Share(np.broadcast_to(left, call.output_forms[0].shape))]

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        left, right = _aligned(call, values)
        return left + right if call.params["sign"] > 0 else left - right

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.add(values[0], values[1]) if call.params["sign"] > 0 else np.subtract(*values)


class AddPublic(_Local):
    """A secret and a public number."""

    kind = "add_public"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form = forms[0]
        return (Form(form.shape, form.frac, form.bound + params["bound"]),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        if not first:
            return values[0]
        return values[0] + _word(int(call.params["value"]))

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.add(values[0], int(call.params["value"]) / 2.0 ** call.output_forms[0].frac)


def _word(value: int) -> np.uint64:
    return np.uint64(value % 2**64)


class Scale(_Local):
    """A secret times a public number."""

    kind = "scale"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, factor = forms[0], abs(int(params["factor"])) / 2.0 ** params["frac"]
        return (Form(form.shape, form.frac + params["frac"], form.bound * factor),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return values[0] * _word(int(call.params["factor"]))

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        factor: float = int(call.params["factor"]) / 2.0 ** call.params["frac"]
        return values[0] * factor


class ScaleBy(_Local):
    """A secret times a public array, element by element."""

    kind = "scale_by"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form = forms[0]
        if form.shape != tuple(params["shape"]):
            raise ValueError(f"a factor of shape {params['shape']} for a secret of shape {form.shape}")
        return (Form(form.shape, form.frac + params["frac"], form.bound * params["factor_bound"]),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        assert call.constant is not None
        return values[0] * call.constant

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        assert call.constant is not None
        return np.multiply(values[0], decode(call.constant, call.params["frac"]))


class Ldexp(_Local):
    """Times a power of two, by another reading of the same ring elements."""

    kind = "ldexp"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, exponent = forms[0], params["exponent"]
        if form.frac - exponent < 0:
            raise ValueError(f"{form.frac} fractional bits are too few to multiply by 2^{exponent}")
        return (Form(form.shape, form.frac - exponent, form.bound * 2.0**exponent),)

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
        return (Form(form.shape, params["frac"], form.bound),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return shifted(values[0], call.output_forms[0].frac - call.input_forms[0].frac)

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return values[0]


class Within(_Local):
    """A tighter bound on the same values, on the author's word."""

    kind = "within"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form = forms[0]
        return (Form(form.shape, form.frac, min(form.bound, params["bound"])),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return values[0]

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return values[0]


class Sum(_Local):
    """The sum of all elements, or along one axis."""

    kind = "sum"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, axis = forms[0], params["axis"]
        if axis is None:
            return (Form((), form.frac, form.bound * form.size),)
        if not 0 <= axis < len(form.shape):
            raise ValueError(f"no axis {axis} in shape {form.shape}")
        shape = form.shape[:axis] + form.shape[axis + 1 :]
        return (Form(shape, form.frac, form.bound * form.shape[axis]),)

    def ring(self, call: Call, values: Sequence[Words], first: bool) -> Words:
        return np.asarray(values[0].sum(axis=call.params["axis"], dtype=np.uint64))

    def real(self, call: Call, values: Sequence[Floats]) -> Floats:
        return np.asarray(values[0].sum(axis=call.params["axis"]))


class Slice(_View):
    """Basic slicing."""

    kind = "slice"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form = forms[0]
        shape = []
        for axis, length in enumerate(form.shape):
            key = params["key"][axis] if axis < len(params["key"]) else [0, length, 1]
            if isinstance(key, list):
                shape.append(len(range(*key)))
        return (Form(tuple(shape), form.frac, form.bound),)

    def see(self, call: Call, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        key = tuple(slice(*k) if isinstance(k, list) else k for k in call.params["key"])
        return np.asarray(values[0][key])


class Reshape(_View):
    """The same elements in another shape, in C order."""

    kind = "reshape"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form = forms[0]
        result = Form(tuple(params["shape"]), form.frac, form.bound)
        if result.size != form.size or min(result.shape, default=0) < 0:
            raise ValueError(f"cannot reshape {form.shape} to {result.shape}")
        return (result,)

    def see(self, call: Call, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return values[0].reshape(call.output_forms[0].shape)


class Concatenate(_View):
    """Joined along the first axis."""

    kind = "concatenate"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        if not forms or any(not form.shape or form.shape[1:] != forms[0].shape[1:] for form in forms):
            raise ValueError("arrays of one shape but for the first axis are joined")
        if len({form.frac for form in forms}) > 1:
            raise ValueError("arrays of one fixed-point format are joined")
        shape = (sum(form.shape[0] for form in forms), *forms[0].shape[1:])
        return (Form(shape, forms[0].frac, max(form.bound for form in forms)),)

    def see(self, call: Call, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(list(values))


PROTOCOLS = (
    Add(),
    AddPrivate(),
    AddPublic(),
    Scale(),
    ScaleBy(),
    Ldexp(),
    Refine(),
    Within(),
    Sum(),
    Slice(),
    Reshape(),
    Concatenate(),
)
