"""A party's own plaintext on its way into a run: checked, encoded block by block, kept in as few bits as it
needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.errors import INPUT_MISSING, NO_PERMUTATION, NOT_FINITE, OUT_OF_BOUND
from coterie.mpc.form import PrivateForm, Shape
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import Floats, Narrow, Words, fits
from coterie.mpc.storage import InMemory, Stored

BLOCK = 1 << 20
"""Elements that are handled at once, so that an array as large as the data is never doubled."""


@dataclass(frozen=True)
class RowBlocks:
    """An array that is computed block by block when it is needed, and never as a whole."""

    shape: Shape
    rows: Callable[[int, int], NDArray[Any]]
    """``rows(start, stop)``: those rows."""

    def blocks(self) -> Iterator[tuple[int, Floats]]:
        """First row and values of each block, float64."""
        if not self.shape:
            yield 0, np.asarray(self.rows(0, 1), dtype=np.float64)
            return
        width = max(1, int(np.prod(self.shape[1:])))
        step = max(1, BLOCK // width)
        for start in range(0, self.shape[0], step):
            yield start, np.asarray(self.rows(start, min(start + step, self.shape[0])), dtype=np.float64)

    def whole(self) -> Floats:
        """All of it."""
        if not self.shape:
            return next(self.blocks())[1]
        return np.concatenate([np.zeros((0, *self.shape[1:])), *(block for _, block in self.blocks())])


Plaintext: TypeAlias = NDArray[Any] | RowBlocks


def plain_form(params: Mapping[str, Any]) -> PrivateForm:
    """Of the owner's plaintext, from the parameters of an input."""
    return PrivateForm(
        tuple(params["shape"]),
        params["frac"],
        Interval(*params["range"]),
        owner=params["owner"],
        row_sum=params.get("row_sum"),
        column_sum=params.get("column_sum"),
        permutation=params.get("permutation", False),
    )


def encoded_form(params: Mapping[str, Any]) -> PrivateForm:
    """The same of the plaintext as it is encoded: ends of its range are rounded as values are."""
    form = plain_form(params)
    return form if not fits(form.bound, form.frac) else replace(form, range=form.range.rounded(form.frac))


def as_blocks(values: Any, form: PrivateForm, name: str) -> RowBlocks:
    """Own input of any kind. Errors: CT-2107 for another shape than planned, or no numbers."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        array = values
        values = RowBlocks(array.shape, lambda start, stop: array[start:stop] if array.ndim else array)
    if not isinstance(values, RowBlocks) or values.shape != form.shape:
        given = " is missing; it" if values is None else ""
        raise INPUT_MISSING(f"{name!r}{given} must be an array of numbers of shape {form.shape}")
    return values


def encode_into(place: Stored, values: RowBlocks, form: PrivateForm, name: str) -> None:
    """Put an owner's plaintext, encoded, where it is kept.

    :param place: of this shape, int32 where the form is narrow.

    Errors: CT-2103 for NaN and infinities, CT-2102 for what exceeds a declared bound. They name the input but
    show no value of it. CT-2115 for what should be a permutation. CT-1120, CT-1121 from the place.
    """
    columns: Floats | float = 0.0
    filled = 0
    for _, block in values.blocks():
        if not np.isfinite(block).all():
            raise NOT_FINITE(f"input {name!r}")
        if block.max(initial=form.low) > form.high or block.min(initial=form.high) < form.low:
            raise OUT_OF_BOUND(f"input {name!r} leaves {form.low:.6g} to {form.high:.6g}")
        if form.row_sum is not None or form.column_sum is not None:
            magnitudes = np.abs(block)
            if form.row_sum is not None and magnitudes.sum(axis=1).max(initial=0.0) > form.row_sum:
                raise OUT_OF_BOUND(f"a row of input {name!r} adds up to more than {form.row_sum:.6g}")
            columns = columns + magnitudes.sum(axis=0)
        encoded = np.rint(block * 2.0**form.frac).astype(np.int32 if form.narrow else np.int64)
        place.write(filled, encoded.reshape(-1).view(place.dtype))
        filled += block.size
    if form.column_sum is not None and np.max(columns, initial=0.0) > form.column_sum:
        raise OUT_OF_BOUND(f"a column of input {name!r} adds up to more than {form.column_sum:.6g}")
    if form.permutation and not is_permutation(place.read(0, place.size).astype(np.int64)):
        raise NO_PERMUTATION(f"input {name!r}")


def is_permutation(places: NDArray[np.int64]) -> bool:
    """Whether each whole number below the length of the vector stands in it once."""
    counted = np.zeros(places.size, np.bool_)
    counted[places[(places >= 0) & (places < places.size)]] = True
    return bool(counted.all())


def encode_input(values: RowBlocks, form: PrivateForm, name: str) -> Words | Narrow:
    """The same as an array. Errors: as :func:`encode_into`."""
    place = InMemory(form.shape, form.narrow)
    encode_into(place, values, form, name)
    return place.whole()
