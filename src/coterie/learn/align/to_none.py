"""``membership: hidden``: the frame has the rows of the label holder, and nobody knows which are common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coterie.data import HiddenRows, VerticalFrame, table_needs
from coterie.errors import CoterieError
from coterie.learn.component import FrameShape, HiddenShape, PlanContext, Reveal, RunContext, Statement
from coterie.learn.errors import IDS_REPEATED, TWO_PARTIES
from coterie.learn.places import TEXTS
from coterie.psi import STATEMENT_HIDDEN

from .errors import LIST_GRANTED, NOT_NUMBERS, NUMBER_TOO_OPEN, TOO_FEW_HIDDEN
from .hidden import Layout, bin_keys, encoded, joined, messages, prepared, units

__all__ = [
    "check_hidden",
    "need_means",
    "need_numbers",
    "own_labels",
    "own_prepared",
    "plan_hidden",
    "run_hidden",
]

PAIR = 2
FEWEST = 2
RATIO_BITS = 16
"""Between the ends of what a reciprocal on shares takes, the larger a power of two."""
_BYTES_PER_ROW = 80
STATEMENT = Statement(
    protocol=f"{STATEMENT_HIDDEN.protocol}; strings compared on shares; the other party's columns come as "
    "shares, and are multiplied by what was found",
    threshold="one of the two parties",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
    computational_bits=STATEMENT_HIDDEN.computational_bits,
    leaks="nothing beyond one bit, whether enough rows are common: no party learns of any row whether it is, "
    "nor how many are",
)

Floats = NDArray[np.float64]


def check_hidden(context: PlanContext) -> None:
    """Of any engine. Errors: CT-3012, CT-3214."""
    if context.repeated_ids:
        raise IDS_REPEATED(", ".join(context.repeated_ids), step=context.step)
    if told := context.receiving("common_ids"):
        raise LIST_GRANTED(", ".join(told), step=context.step)


def plan_hidden(context: PlanContext) -> dict[str, Any]:
    """What the plan says, as fields of :class:`~coterie.learn.component.StepPlan`; makes the frame.

    Errors: CT-3210, CT-3215.
    """
    if len(context.parties) != PAIR or context.label_holder not in context.parties:
        raise TWO_PARTIES(f"{len(context.parties)}: {', '.join(context.parties)}", step=context.step)
    layout = _layout(context)
    need_numbers(context, layout.other, context.columns[layout.other])
    most = min(context.dataset_rows[party] for party in context.parties)
    context.frames["all"] = FrameShape(
        layout.bins,
        dict(context.columns),
        context.label_holder,
        context.label,
        hidden=HiddenShape(layout.holder, layout.other, layout.least, most),
    )
    longest = max(layout.bins, context.dataset_rows[layout.other])
    memory, disk = table_needs(longest, 2 * (context.widest + 1))
    needs = messages(context, layout)
    what = f"whether at least {layout.least} rows are common: one bit"
    return needs | {
        "reveals": (Reveal(what, context.everybody, 1),),
        "memory": needs["memory"] + memory + (_BYTES_PER_ROW + 24 * layout.columns) * longest,
        "disk": needs["disk"] + disk,
        "statement": STATEMENT,
    }


def run_hidden(context: RunContext) -> None:
    """Errors: CT-3213, and those of the protocols."""
    planning, layout = context.planning, _layout(context.planning)
    hashes, numbers, own = np.empty((0, 32), np.uint8), np.empty((0, 0), np.uint64), None
    if context.computes:
        hashes = context.datasets[context.me].keyed_ids(context.id_key)
    if context.me == layout.other:
        numbers, own = _columns(context, layout.other)
    found = joined(context, layout, hashes, numbers)
    del hashes, numbers
    if found is None:
        return
    if not found.enough:
        raise TOO_FEW_HIDDEN(f"fewer than {layout.least}", step=context.step)
    parts, places = {}, {}
    if found.rows is not None:
        places[context.me] = found.rows
        parts[context.me] = context.datasets[context.me].gather(found.rows, context.scratch)
    context.frames["all"] = VerticalFrame(
        rows=layout.bins,
        columns=dict(planning.columns),
        label_holder=planning.label_holder,
        label=planning.label,
        parts=parts,
        keys=bin_keys(layout.bins),
        places=places,
        hidden=HiddenRows(found.member.words, found.columns.words, own),
        scratch=context.scratch,
    )


def need_numbers(context: PlanContext, owner: str, columns: Sequence[str]) -> None:
    """Errors: CT-3215."""
    types = context.types.get(owner, {})
    if texts := [name for name in columns if types.get(name) in TEXTS]:
        raise NOT_NUMBERS(f"of {owner}: {', '.join(texts)}", step=context.step)


def fewest_to_divide(most: int) -> int:
    """So many at least must be known to be there of what has ``most``, where its number is divided by on
    shares."""
    return 1 << max((most - 1).bit_length() - RATIO_BITS, 0)


def need_means(context: PlanContext, shape: HiddenShape) -> None:
    """Where a step divides by the number of common rows. Errors: CT-3219."""
    if shape.least < fewest_to_divide(shape.most):
        raise NUMBER_TOO_OPEN(f"from {shape.least} to {shape.most}", step=context.step)


def own_prepared(context: RunContext, frame: str) -> tuple[Floats | None, Floats]:
    """This party's own columns of hidden rows: (rows, columns) as they are computed with, at the holder of
    the rows if it has columns; and (2, columns) the units of its whole dataset."""
    rows = context.frames[frame].hidden
    assert rows is not None  # as its shape says
    if rows.units is not None:
        return None, rows.units
    # "all" has every row of the holder's dataset, and empty ones, which change no unit.
    names = context.planning.frames[frame].columns.get(context.me, ())
    places = [(context.me, name) for name in names]
    scale = units(context.frames["all"].values(places))
    return prepared(context.frames[frame].values(places), scale) if names else None, scale


def own_labels(context: RunContext, frame: str) -> NDArray[np.int8]:
    """(rows,) 0 or 1 at the holder of hidden rows, -1 in empty ones. Errors: CT-1501, CT-1502."""
    rows = context.frames[frame]
    (there,) = np.nonzero(rows.places[context.me] >= 0)
    labels = np.full(rows.rows, -1, np.int8)
    try:
        labels[there] = replace(rows, hidden=None).take(there).labels()
    except CoterieError as error:
        raise error.at(party=context.me) from None
    return labels


def _layout(context: PlanContext) -> Layout:
    """Every later result is of all common rows: so many that it may be told are looked for here, once."""
    return Layout.of(context, context.label_holder, max(FEWEST, context.min_rows, context.min_group))


def _columns(context: RunContext, owner: str) -> tuple[NDArray[np.uint64], Floats]:
    """(rows, columns) of the owner's whole dataset, prepared and in the ring, one after another; and (2,
    columns), their units."""
    names = context.planning.columns[owner]
    rows = context.planning.dataset_rows[owner]
    table = context.datasets[owner].gather(np.arange(rows), context.scratch, names)
    words, scales = np.empty((rows, len(names)), np.uint64), np.empty((2, len(names)))
    for place, name in enumerate(names):
        column = table[name]
        if pa.types.is_boolean(column.type):
            column = pc.cast(column, pa.int8())
        values = pc.cast(column, pa.float64(), safe=False).to_numpy().reshape(-1, 1)
        scale = units(values)
        words[:, place : place + 1] = encoded(prepared(values, scale))
        scales[:, place] = scale[:, 0]
    return words, scales
