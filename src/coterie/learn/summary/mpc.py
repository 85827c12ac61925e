"""Sums over hidden rows on shares, divided by the shared number of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.data import HiddenRows
from coterie.learn.align import CLIP, FRAC
from coterie.mpc import Context, Inputs, Interval, Kept, Program, Secret, functions

__all__ = ["COUNT", "MEANS", "SQUARES", "Task", "inputs", "summing"]

COUNT, MEANS, SQUARES = "number of common rows", "means", "mean squares"
MEMBER, COLUMNS, OWN, OWN_SQUARES = "member", "columns", "own columns", "own squares"
TOLD_FRAC = 10
"""Fractional bits of what is told: of some thousand rows, one alone changes it by less."""
_SUM_BITS = 13
"""A sum keeps so many below the fewest rows: it is then off by less than a mean is told to."""


@dataclass(frozen=True)
class Task:
    """What is public of the rows."""

    holder: str
    other: str
    bins: int
    own: int
    """Columns of the holder."""
    others: int
    """Columns of the other party."""
    least: int
    most: int
    to: tuple[str, ...]
    count: bool


def inputs(rows: HiddenRows, own: NDArray[np.float64] | None) -> Inputs:
    """A party's part.

    :param own: (bins, columns) at the holder, prepared; 0 in empty bins.
    """
    given: Inputs = {
        MEMBER: Kept(rows.member, 0, Interval(0, 1)),
        COLUMNS: Kept(rows.columns, FRAC, Interval(-CLIP, CLIP)),
    }
    return given if own is None else {**given, OWN: own, OWN_SQUARES: own**2}


def summing(task: Task) -> Program:
    """Tells ``task.to`` the mean and the mean square of each column, the holder's first."""

    def program(ctx: Context) -> None:
        member = ctx.shared(MEMBER, (task.bins,), (0, 1), 0)
        # As `align` has found on shares, or ended the job.
        count = ctx.within(member.sum(), (task.least, task.most))
        sums, squares = _sums(ctx, task, member)
        with ctx.section("means"):
            inverse = functions.reciprocal(count)
            frac = max(2, _SUM_BITS - math.floor(math.log2(task.least)))
            keep = math.ceil(math.log2(task.most)) + 15
            if inverse.frac > keep:
                (inverse,) = ctx.truncate(inverse, frac=keep)
            means = _rounded(ctx, sums, frac) * inverse
            # Squares are up to CLIP times as large.
            mean_squares = _rounded(ctx, squares, frac - 2) * inverse
            told = ctx.truncate(means, mean_squares, frac=TOLD_FRAC)
            ctx.check()
        for values, name in zip(told, (MEANS, SQUARES), strict=True):
            ctx.reveal(values, task.to, name)
        if task.count:
            ctx.reveal(count, task.to, COUNT)

    return program


def _rounded(ctx: Context, values: Secret, frac: int) -> Secret:
    return ctx.truncate(values, frac=frac)[0]


def _sums(ctx: Context, task: Task, member: Secret) -> tuple[Secret, Secret]:
    """Of values and of squares over the common rows. No more than ``most`` terms of either are not zero."""
    sums, squares = [], []
    if task.own:
        with ctx.section(f"columns of {task.holder}"):
            shape = (task.bins, task.own)
            own = ctx.private(OWN, task.holder, shape, CLIP, FRAC)
            own_squares = ctx.private(OWN_SQUARES, task.holder, shape, CLIP**2, FRAC)
            sums.append(own.T @ member)
            squares.append(own_squares.T @ member)
    if task.others:
        with ctx.section("columns of the other party"):
            columns = ctx.shared(COLUMNS, (task.bins, task.others), CLIP, FRAC)
            sums.append(columns.sum(axis=0))
            squares.append(functions.square(columns).sum(axis=0))
    bounds = (CLIP * task.most, CLIP**2 * task.most)
    whole = (
        functions.concatenate([ctx.within(one, bound) for one in parts])
        for parts, bound in zip((sums, squares), bounds, strict=True)
    )
    first, second = whole
    return first, second
