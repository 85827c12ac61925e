"""Views: the same elements in another arrangement. Local, exact, and an opened array stays opened.

They work alike on shares, openings, masks and numbers, and on truth values.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.form import BitsForm, Form, ShapeError, broadcast
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import Floats, Words
from coterie.mpc.shares import Opening, Share
from coterie.mpc.tape import Call, Instruction

if TYPE_CHECKING:
    from coterie.mpc.ahead import Masks
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

Array = NDArray[Any]


class View(Protocol):
    """Base: one function of arrays of whatever stands for the values."""

    keeps_opening = True
    takes = (Form, BitsForm)

    @abstractmethod
    def see(self, call: Call, values: Sequence[Array]) -> Array:
        """The view of these arrays."""

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        see = self._seer(instruction.call)
        opening = None
        if all(share.opening is not None for share in values):
            opening = Opening(
                see([share.opening.opened for share in values]), see([share.opening.mask for share in values])
            )
        return [Share(see([share.words for share in values]), opening)]

    def mask(self, instruction: Instruction, masks: Masks) -> None:
        call = instruction.call
        masks.view(call.outputs[0], call.inputs, self._seer(call))

    def _seer(self, call: Call) -> Callable[[Sequence[Array]], Array]:
        return lambda values: self.see(call, values)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [self.see(call, values)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [self.see(call, values)]


class Slice(View):
    """Basic slicing. ``key`` has one item an axis: an index, or [start, count, step]."""

    kind = "slice"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        shape = tuple(k[1] for k in params["key"] if isinstance(k, list))
        return (replace(forms[0], shape=shape),)

    def see(self, call: Call, values: Sequence[Array]) -> Array:
        return np.asarray(values[0][tuple(_slice(k) for k in call.params["key"])])


def _slice(key: int | list[int]) -> int | slice:
    if isinstance(key, int):
        return key
    start, count, step = key
    stop = start + count * step
    return slice(start, stop if stop >= 0 else None, step) if count else slice(0, 0)


class Reshape(View):
    """The same elements in another shape, in C order."""

    kind = "reshape"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        result = replace(forms[0], shape=tuple(params["shape"]))
        if result.size != forms[0].size or min(result.shape, default=0) < 0:
            raise ShapeError(f"cannot reshape {forms[0].shape} to {result.shape}")
        return (result,)

    def see(self, call: Call, values: Sequence[Array]) -> Array:
        return values[0].reshape(call.output_forms[0].shape)


class Transpose(View):
    """Axes in another order."""

    kind = "transpose"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        shape, axes = forms[0].shape, params["axes"]
        if sorted(axes) != list(range(len(shape))):
            raise ShapeError(f"axes {axes} for an array of {len(shape)} dimensions")
        return (replace(forms[0], shape=tuple(shape[axis] for axis in axes)),)

    def see(self, call: Call, values: Sequence[Array]) -> Array:
        return values[0].transpose(call.params["axes"])


class BroadcastTo(View):
    """Repeated along new axes and axes of length 1."""

    kind = "broadcast_to"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        shape = tuple(params["shape"])
        if broadcast(forms[0].shape, shape) != shape:
            raise ShapeError(f"cannot broadcast {forms[0].shape} to {shape}")
        return (replace(forms[0], shape=shape),)

    def see(self, call: Call, values: Sequence[Array]) -> Array:
        return np.broadcast_to(values[0], call.output_forms[0].shape)


class Concatenate(View):
    """Joined along an axis."""

    kind = "concatenate"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        axis = params["axis"]
        if not forms or len({_without(form, axis) for form in forms}) > 1:
            raise ShapeError("arrays of one shape but for the joined axis, and of one kind, are joined")
        if len({form.frac for form in forms}) > 1:
            raise ValueError("arrays of one fixed-point format are joined")
        length = sum(form.shape[axis] for form in forms)
        shape = (*forms[0].shape[:axis], length, *forms[0].shape[axis + 1 :])
        span = forms[0].range
        for form in forms[1:]:
            span = span.hull(form.range)
        return (replace(forms[0], shape=shape, range=span),)

    def see(self, call: Call, values: Sequence[Array]) -> Array:
        return np.concatenate(list(values), axis=call.params["axis"])


def _without(form: Form, axis: int) -> tuple[Any, ...]:
    if axis >= len(form.shape):
        raise ShapeError(f"no axis {axis} in shape {form.shape}")
    return (type(form), *form.shape[:axis], -1, *form.shape[axis + 1 :])


class Take(View):
    """Elements at public places along an axis. The places are the call's constant."""

    kind = "take"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        shape, axis = forms[0].shape, params["axis"]
        return (replace(forms[0], shape=(*shape[:axis], *params["shape"], *shape[axis + 1 :])),)

    def see(self, call: Call, values: Sequence[Array]) -> Array:
        assert call.constant is not None
        places = call.constant.view(np.int64).reshape(call.params["shape"])
        return np.take(values[0], places, axis=call.params["axis"])


PROTOCOLS = (Slice(), Reshape(), Transpose(), BroadcastTo(), Concatenate(), Take())
