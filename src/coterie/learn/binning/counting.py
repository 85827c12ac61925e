"""Counts of labels by group of columns, in any engine: what steps such as ``bin`` are built on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.component import EACH, FrameShape, PlanContext, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING, ONE_CLASS
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.learn.transform import training_of
from coterie.mpc import Program

from .clear import counted
from .errors import LABELS_TOO_FEW, TOO_MANY_ROWS
from .fl import pooled_needs, pooled_slots
from .groups import Groups, grouped
from .merging import Merged
from .mpc import MOST_ROWS, inputs, merged_of, program_of
from .params import BinParams
from .statement import CLEAR, counts_statement

__all__ = ["Counted", "Places", "count_plan", "count_run"]

_CORES = min(8, os.cpu_count() or 1)
Places: TypeAlias = Mapping[str, tuple[str, ...]]
"""Columns by owner."""


@dataclass(frozen=True)
class Counted:
    """A column at its owner: its groups, and the counts that may be shown to it."""

    groups: Groups
    merged: Merged


def count_plan(context: PlanContext, columns: Places, params: BinParams) -> StepPlan:
    """What :func:`count_run` will do. Part of the caller's step, without reveals.

    Errors: CT-3001 without aligned rows, CT-3107, CT-3235.
    """
    shape = _training_shape(context)
    slots = shape.rows * sum(map(len, columns.values()))
    plan = StepPlan(step=context.step, component="", params={}, memory=2 * slots, statement=CLEAR)
    others = _others(shape, columns)
    if context.engine == "fl":
        return replace(plan, **pooled_needs(context, shape, columns.get(EACH, ()), params))
    if context.engine != "mpc" or not others:
        return plan
    if shape.rows > MOST_ROWS:
        raise TOO_MANY_ROWS(f"{shape.rows}", step=context.step)
    needs = needs_of(traced(_program(context, others, params), context))
    needs["memory"] += plan.memory
    return replace(plan, **needs, statement=counts_statement(context))


def count_run(context: RunContext, columns: Places, params: BinParams) -> dict[str, list[Counted]] | None:
    """Group the training rows by each column, and count labels by group; every participant calls it in turn.

    :returns: by owner who is here, of its columns in order; None where no data is. In engine mpc the label
        holder counts for its own columns alone.

    Errors: CT-3016, CT-3101 at the label holder, where too few rows have one of the labels; CT-1501, CT-1502,
    CT-3028, CT-3104; those of :func:`coterie.mpc.run`; in engine fl those of ``pooled_slots``.
    """
    planning = context.planning
    shape = _training_shape(planning)
    others = _others(shape, columns)
    secure = planning.engine == "mpc" and bool(others)
    program = _program(planning, others, params) if secure else None
    tape = traced(program, planning) if program else None
    if not context.computes:
        if program and tape:
            served(program, tape, context)
        return None
    frame = training_of(context.frames)
    if context.engine == "fl":
        pooled = pooled_slots(context, shape, frame, columns.get(EACH, ()), params)
        return {EACH: [Counted(*pair) for pair in pooled]}
    least, holder = planning.min_group, shape.label_holder
    labels = _labels(frame, least) if holder in context.mine else None
    groups = {
        owner: _grouped(context, frame, owner, columns[owner], params)
        for owner in context.mine
        if owner in columns
    }
    found = {}
    if program and tape:
        counted_here = {owner: groups[owner] for owner in others if owner in groups}
        revealed = computed(program, tape, context, inputs(labels, counted_here)).revealed
        for owner, own in counted_here.items():
            found[owner] = merged_of(owner, own, revealed)
    if labels is not None:
        for owner, own in groups.items():
            if owner not in found:
                found[owner] = [counted(one, labels, least) for one in own]
    return {
        owner: [Counted(*pair) for pair in zip(groups[owner], merged, strict=True)]
        for owner, merged in found.items()
    }


def _training_shape(context: PlanContext) -> FrameShape:
    shape: FrameShape | None = training_of(context.frames)
    if shape is None:
        raise FRAME_MISSING("'all'", step=context.step)
    return shape


def _others(shape: FrameShape, columns: Places) -> dict[str, tuple[str, ...]]:
    """Columns of who has no labels."""
    return {owner: names for owner, names in columns.items() if owner != shape.label_holder}


def _program(context: PlanContext, others: Places, params: BinParams) -> Program:
    return program_of(_training_shape(context), others, params.slots, context.min_group)


def _labels(frame: VerticalFrame, least: int) -> NDArray[np.int8]:
    labels = frame.labels()
    bads = int(labels.sum())
    if not 0 < bads < len(labels):
        raise ONE_CLASS(f"all of {len(labels)} rows", party=frame.label_holder)
    if min(bads, len(labels) - bads) < least:
        raise LABELS_TOO_FEW(f"fewer than {least} of the training rows", party=frame.label_holder)
    return labels


def _grouped(
    context: RunContext, frame: VerticalFrame, owner: str, names: Sequence[str], params: BinParams
) -> list[Groups]:
    def group(name: str) -> Groups:
        special = params.special.get(f"{owner}.{name}", ())
        try:
            return grouped(name, frame.column(owner, name), params, special, context.planning.min_group)
        except CoterieError as error:
            raise error.at(party=owner, step=context.step) from None

    found = []
    with ThreadPoolExecutor(_CORES) as pool:
        for number, one in enumerate(pool.map(group, names)):
            context.progress(number, len(names), f"grouping by columns of {owner}")
            found.append(one)
    return found
