"""Rows of which nobody knows whether they are common: shares of membership, and of one party's columns.

The rows are the bins of the *holder*, in which its own rows lie in a secret order among empty bins: see
:mod:`coterie.psi`, :func:`~coterie.psi.circuit_receive`. What comes of it at the two parties:

- ``member``, shares of 1 where the row is common and of 0 elsewhere;
- ``columns``, shares of the other party's columns where the row is common, and of 0 elsewhere;
- the holder's own columns as it has them, 0 in empty bins: plaintext that is its alone.

Nobody could prepare columns on such rows, so each owner prepares its own before, over its whole dataset: mean
0, deviation 1, missing values 0, nothing beyond ``CLIP``. That shows nobody anything, and bounds every value.

The holder's looked-up words are shares of a column only where the row is common. Elsewhere they are random;
they are multiplied by the membership before anything else, which is exact in the ring: a random word times 0
is 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie import psi
from coterie._kernels import keyed_hashes
from coterie.learn.component import PlanContext, RunContext
from coterie.learn.membership import common, differences, with_intersection
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.mpc import Context, Inputs, Interval, Kept, Program, Tape, functions

__all__ = [
    "CLIP",
    "FRAC",
    "Hidden",
    "Layout",
    "bin_keys",
    "encoded",
    "joined",
    "messages",
    "prepared",
    "units",
]

CLIP = 4.0
"""Largest magnitude of a prepared value."""
FRAC = 16
COLUMNS, MEMBER = "columns", "member"
ENOUGH = "whether enough rows are common"
_BINS = b"coterie/align/bins/v1".ljust(32, b"\0")
"""Public: the keys of hidden rows are hashes of their places, which say nothing."""

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Layout:
    """What is public."""

    holder: str
    """Whose rows the bins are."""
    other: str
    bins: int
    columns: int
    """Of the other party."""
    cost: psi.CostHidden
    least: int = 0
    """One bit is opened: whether so many rows are common, at least. None for 0."""

    @classmethod
    def of(cls, context: PlanContext, holder: str, least: int = 0) -> Layout:
        (other,) = (party for party in context.parties if party != holder)
        rows, columns = context.dataset_rows, len(context.columns[other])
        cost = psi.cost_hidden(rows[holder], rows[other], columns)
        return cls(holder, other, cost.bins, columns, cost, least)


@dataclass(frozen=True)
class Hidden:
    """What one of the two parties has of the rows."""

    member: Kept
    columns: Kept
    rows: NDArray[np.int64] | None = field(repr=False)
    """(bins,) at the holder: its own row in each bin, or -1."""
    enough: bool = True
    """Whether as many rows are common as the layout asks for."""


def bin_keys(bins: int) -> NDArray[np.uint8]:
    """(bins, 32) what stands for the ids of hidden rows: everybody can compute it."""
    numbers = np.arange(bins, dtype="<u8").view(np.uint8)
    return keyed_hashes((numbers, np.arange(0, 8 * bins + 1, 8)), _BINS)


def units(values: Floats) -> Floats:
    """(2, columns): mean and deviation in an owner's whole dataset, of known values; 1 for deviation 0."""
    # One column after another, so that what is made of them takes no memory worth speaking of.
    found = [_unit(values[:, column]) for column in range(values.shape[1])]
    return np.array(found, np.float64).reshape(-1, 2).T


def _unit(values: Floats) -> tuple[float, float]:
    whole = values[np.isfinite(values)]
    # Powers of two change no digit, and keep the sums and squares of any numbers within range.
    _, power = np.frexp(np.abs(whole).max(initial=0.0))
    whole = np.ldexp(whole, -power)
    count = max(len(whole), 1)
    mean = whole.sum() / count
    deviation = float(np.ldexp(np.sqrt(((whole - mean) ** 2).sum() / count), power))
    return float(np.ldexp(mean, power)), deviation if deviation > 0 else 1.0


def prepared(values: Floats, scale: Floats | None = None) -> Floats:
    """(n, columns), NaN where missing: mean 0, deviation 1 in an owner's whole dataset, within ``CLIP``.

    :param scale: the units of the whole dataset, where the values are of some of its rows alone.
    """
    mean, deviation = units(values) if scale is None else scale
    made: Floats = values / 2
    # By halves: the difference of two numbers may be beyond the largest.
    made -= mean / 2
    made[~np.isfinite(values)] = 0.0
    made /= deviation
    made *= 2
    return made.clip(-CLIP, CLIP, out=made)


def encoded(values: Floats) -> Words:
    """Prepared values in the ring."""
    return np.rint(values * 2.0**FRAC).astype(np.int64).view(np.uint64)


def messages(context: PlanContext, layout: Layout) -> dict[str, Any]:
    """What a plan says of :func:`joined`: fields of :class:`~coterie.learn.component.StepPlan`."""
    return with_intersection(
        needs_of(_tape(context, layout)), layout.cost, layout.holder, layout.other, context.everybody
    )


def joined(context: RunContext, layout: Layout, hashes: NDArray[np.uint8], numbers: Words) -> Hidden | None:
    """The rows of the two, at each of them; None at whoever does not compute, and has done its part.

    :param hashes: (n, 32) of the own dataset; (0, 32) at who has none.
    :param numbers: (n, columns) prepared and encoded, of the other party; not looked at elsewhere.
    """
    program, tape = _program(layout), _tape(context.planning, layout)
    if served(program, tape, context) is not None:
        return None
    rows, planned = None, context.planning.dataset_rows
    if context.me == layout.holder:
        channel = context.mesh.to(layout.other)
        taken = psi.circuit_receive(
            channel, hashes, planned[layout.other], layout.columns, progress=context.progress
        )
        rows, own = taken.rows, _inputs(taken.strings, taken.numbers, receives=True)
    else:
        channel = context.mesh.to(layout.holder)
        given = psi.circuit_send(channel, hashes, planned[layout.holder], numbers, progress=context.progress)
        own = _inputs(given.strings, given.numbers, receives=False)
    outputs = computed(program, tape, context, own)
    kept, enough = outputs.kept, bool(outputs.revealed.get(ENOUGH, True))
    return Hidden(kept[MEMBER], kept[COLUMNS], rows, enough)


def _inputs(strings: Words, numbers: Words, *, receives: bool) -> Inputs:
    return {**differences(strings, receives), COLUMNS: Kept(numbers, FRAC, Interval(-CLIP, CLIP))}


def _program(layout: Layout) -> Program:
    """Keeps membership, and the other party's columns where it is given; may open one bit of their number."""

    def program(ctx: Context) -> None:
        with ctx.section("comparing"):
            found = common(ctx, layout.bins)
        with ctx.section("columns"):
            shared = ctx.shared(COLUMNS, (layout.bins, layout.columns), CLIP, FRAC)
            member = functions.numbers(found)
            ctx.keep(functions.where(found.reshape(-1, 1), shared, 0), COLUMNS)
            ctx.keep(member, MEMBER)
        if layout.least:
            with ctx.section("counting"):
                # No more rows are common than there are bins: the sum of so many bits.
                enough = functions.greater_equal(member.sum(), layout.least)
                ctx.reveal(enough, (layout.holder, layout.other), ENOUGH)

    return program


def _tape(context: PlanContext, layout: Layout) -> Tape:
    after = {layout.holder: layout.cost.rounds_receiver, layout.other: layout.cost.rounds_sender}
    return traced(_program(layout), context, after=after)
