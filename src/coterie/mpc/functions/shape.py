"""Views of arrays: slices, other shapes, joined arrays.

All are local and exact: they cost nothing, and a view of opened arrays is opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from coterie.mpc.arrays import Bits, Opaque, Secret, implements
from coterie.mpc.arrays.dispatch import call
from coterie.mpc.form import ShapeError, axis_of
from coterie.mpc.functions.operands import axes_of, context_of, places, secret_of
from coterie.mpc.ring import FRAC, fits

__all__ = [
    "broadcast_to",
    "concatenate",
    "expand_dims",
    "flip",
    "getitem",
    "ravel",
    "reshape",
    "squeeze",
    "stack",
    "take",
    "transpose",
]

Array = TypeVar("Array", Secret, Bits)


def _viewable(x: Any) -> Any:
    """Private arrays are viewed as secrets."""
    return x if isinstance(x, Secret | Bits) else secret_of(x, context_of(x))


def _view(x: Array, kind: str, **params: Any) -> Array:
    result: Array = x.context.apply(kind, [x], **params)[0]
    return result


@implements()
def reshape(x: Array, shape: int | Sequence[int]) -> Array:
    """The same elements in another shape, in C order; one length may be -1."""
    x = _viewable(x)
    wanted = [shape] if isinstance(shape, int) else [int(length) for length in shape]
    if wanted.count(-1) == 1:
        known = -int(np.prod(wanted, dtype=np.int64))
        if known == 0 or x.size % known:
            raise ShapeError(f"cannot reshape {x.shape} to {tuple(wanted)}")
        wanted[wanted.index(-1)] = x.size // known
    if tuple(wanted) == x.shape:
        return x
    return _view(x, "reshape", shape=wanted)


@implements()
def ravel(x: Array) -> Array:
    """In one dimension."""
    return reshape(x, [-1])


@implements()
def transpose(x: Array, axes: Sequence[int] | None = None) -> Array:
    """Axes in another order; reversed where none is given."""
    x = _viewable(x)
    order = list(range(x.ndim))[::-1] if axes is None else [axis_of(axis, x.ndim) for axis in axes]
    return x if x.ndim < 2 and axes is None else _view(x, "transpose", axes=order)


@implements()
def broadcast_to(x: Array, shape: Sequence[int]) -> Array:
    """Repeated along new axes in front and along axes of length 1."""
    x = _viewable(x)
    wanted = [int(length) for length in shape]
    return x if tuple(wanted) == x.shape else _view(x, "broadcast_to", shape=wanted)


@implements()
def expand_dims(x: Array, axis: int) -> Array:
    """One more axis of length 1."""
    x = _viewable(x)
    place: int = axis_of(axis, x.ndim + 1)
    return reshape(x, (*x.shape[:place], 1, *x.shape[place:]))


@implements()
def squeeze(x: Array, axis: int | tuple[int, ...] | None = None) -> Array:
    """Without axes of length 1: those given, or all such."""
    x = _viewable(x)
    gone = axes_of(axis, x.ndim) if axis is not None else [i for i, n in enumerate(x.shape) if n == 1]
    if any(x.shape[i] != 1 for i in gone):
        raise ShapeError(f"an axis of {x.shape} that is longer than 1 cannot go")
    return reshape(x, [n for i, n in enumerate(x.shape) if i not in gone])


@implements()
def flip(x: Array, axis: int | tuple[int, ...] | None = None) -> Array:
    """In reverse order along axes, or all."""
    x = _viewable(x)
    axes = axes_of(axis, x.ndim)
    return getitem(x, tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim)))


@implements()
def concatenate(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Joined along an axis, in the finest of their fixed-point formats; all truth values or all numbers."""
    context = context_of(*arrays)
    bits = all(isinstance(array, Bits) for array in arrays)
    joined: list[Any] = list(arrays) if bits else _alike([secret_of(array, context) for array in arrays])
    if len({array.ndim for array in joined}) > 1 or not joined[0].ndim:
        raise ShapeError("arrays with the same number of dimensions, at least one, are joined")
    result: Array = context.apply("concatenate", joined, axis=axis_of(axis, joined[0].ndim))[0]
    return result


def _alike(secrets: list[Secret]) -> list[Secret]:
    """In one fixed-point format: the finest that fits them all."""
    context = secrets[0].context
    finest = max(secret.frac for secret in secrets)
    if not all(fits(secret.bound, finest) for secret in secrets):
        finest = max(FRAC, min(secret.frac for secret in secrets))
        long = [secret for secret in dict.fromkeys(secrets) if secret.frac > finest]
        short = dict(zip(long, context.truncate(*long, frac=finest), strict=True))
        secrets = [short.get(secret, secret) for secret in secrets]
    return [context.refine(secret, finest) for secret in secrets]


@implements()
def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """Joined along a new axis."""
    if len({tuple(array.shape) for array in arrays}) > 1:
        raise ShapeError("arrays of one shape are stacked")
    return concatenate([expand_dims(array, axis) for array in arrays], axis)


@implements()
def take(x: Array, indices: Any, axis: int | None = None) -> Array:
    """Elements at public places along an axis, or of the array in one dimension. Secret places: as
    :func:`lookup`."""
    x = _viewable(x)
    if axis is None:
        x, axis = reshape(x, [-1]), 0
    axis = axis_of(axis, x.ndim)
    if isinstance(indices, Opaque):
        return call("lookup", x, indices, axis)  # type: ignore[no-any-return]
    words, params = places(indices, "take")
    numbers = words.view(np.int64)
    length = x.shape[axis]
    if numbers.size and not -length <= numbers.min() <= numbers.max() < length:
        raise ShapeError(f"a place outside an axis of {length}")
    words, params = places(np.where(numbers < 0, numbers + length, numbers), "take")
    return _view(x, "take", constant=words, **params, axis=axis)


@implements()
def getitem(x: Array, key: Any) -> Array:
    """NumPy's indexing by public integers, slices, ``...``, ``None``, and one array of places or truths."""
    x = _viewable(x)
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(isinstance(k, Opaque) for k in keys):
        raise TypeError("an index in brackets must be public; take a secret one by lookup() or where()")
    keys = [np.asarray(k) if isinstance(k, list) else k for k in keys]
    used = [k for k in keys if k is not None and k is not Ellipsis]
    if len(used) > x.ndim or sum(k is Ellipsis for k in keys) > 1:
        raise ShapeError(f"{len(used)} indices for an array of shape {x.shape}")
    rest = [slice(None)] * (x.ndim - len(used))
    at = next((i for i, k in enumerate(keys) if k is Ellipsis), len(keys))
    keys[at : at + 1] = rest
    return _index(x, keys)


def _index(x: Array, keys: list[Any]) -> Array:
    """By one key an axis, and None for new axes."""
    basic: list[Any] = []
    shape: list[int] = []
    picked: tuple[int, Any] | None = None
    axis = 0
    for k in keys:
        if k is None:
            shape.append(1)
            continue
        length = x.shape[axis]
        axis += 1
        if isinstance(k, np.ndarray) and k.ndim:
            if picked is not None:
                raise TypeError("one array of places at a time")
            picked = (len(shape), _places(k, length))
            basic.append([0, length, 1])
            shape.append(length)
        elif isinstance(k, slice):
            chosen = range(*k.indices(length))
            basic.append([chosen.start if chosen else 0, len(chosen), chosen.step])
            shape.append(len(chosen))
        else:
            basic.append(_place(k, length))
    if any(k != [0, n, 1] for k, n in zip(basic, x.shape, strict=True)):
        x = _view(x, "slice", key=basic)
    x = reshape(x, shape)
    return x if picked is None else take(x, picked[1], picked[0])


def _places(key: np.ndarray[Any, Any], length: int) -> Any:
    if key.dtype == np.bool_:
        if key.shape != (length,):
            raise ShapeError(f"{key.shape} truths for an axis of {length}")
        return np.flatnonzero(key)
    return key


def _place(key: Any, length: int) -> int:
    try:
        place = key.__index__()
    except AttributeError:
        raise TypeError(f"no index is a {type(key).__name__}") from None
    if isinstance(key, bool | np.bool_) or not -length <= place < length:
        raise ShapeError(f"index {key} is outside an axis of {length}")
    return int(place) % length
