"""``split`` of hidden rows: which are for the test is public, how many of these are common is not.

Test rows are drawn by what stands for the rows' ids, which everybody can compute, so that the rows of the
parts are known before the run. Where the holder put its own rows among them it has drawn at random, so that
each part has its share of the common ones; how many it has nobody learns. What follows divides by that
number on shares, and tells figures of all its rows: that it is enough, one bit for each part says.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from coterie.learn.align import TOO_FEW_HIDDEN, bin_keys, fewest_to_divide
from coterie.learn.choosing import Mask, check_label
from coterie.learn.component import FrameShape, HiddenShape, PlanContext, Reveal, RunContext, Statement
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.mpc import Context, Interval, Kept, Program, functions

from .clear import is_test
from .errors import RANDOM_ALONE
from .params import SplitParams

__all__ = ["plan_hidden", "run_hidden"]

PARTS = ("train", "test")
MEMBER = "member"
ENOUGH = "whether enough rows of each part are common"
FEWEST = 2
STATEMENT = Statement(
    protocol="hash of a row's place, without a message; shared membership added up by part and compared",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
    leaks="nothing beyond two bits, whether enough rows of either part are common",
)


def plan_hidden(context: PlanContext, params: SplitParams) -> dict[str, Any]:
    """What the plan says, as fields of :class:`~coterie.learn.component.StepPlan`; makes the parts.

    Errors: CT-3213 where a part has too few rows of any kind, CT-3225.
    """
    if params.method != "random":
        raise RANDOM_ALONE(f"'{params.method}'", step=context.step)
    whole = context.frames["all"]
    for part, rows in zip(PARTS, _parts(context, whole, params), strict=True):
        if rows.most < rows.least:
            raise TOO_FEW_HIDDEN(f"'{part}' cannot have {rows.least}", step=context.step)
        size = int((_test_rows(whole.rows, params) == (part == "test")).sum())
        context.frames[part] = replace(whole, rows=size, hidden=rows)
    train, test = (one.least for one in _parts(context, whole, params))
    what = f"whether at least {train} training rows and {test} test rows are common: two bits"
    needs = needs_of(traced(_program(context, whole, params), context))
    return {**needs, "reveals": (Reveal(what, context.everybody, 2),), "statement": STATEMENT}


def run_hidden(context: RunContext, params: SplitParams) -> None:
    """Errors: CT-3213; at the label holder CT-1501, CT-1502, CT-3016."""
    planning = context.planning
    whole = planning.frames["all"]
    program = _program(planning, whole, params)
    tape = traced(program, planning)
    if served(program, tape, context) is not None:
        return
    frame, test = context.frames["all"], _test_rows(whole.rows, params)
    assert frame.hidden is not None  # as its shape says
    outputs = computed(program, tape, context, {MEMBER: Kept(frame.hidden.member, 0, Interval(0, 1))})
    for part, enough in zip(PARTS, outputs.revealed[ENOUGH], strict=True):
        if not enough:
            least = _parts(planning, whole, params)[PARTS.index(part)].least
            raise TOO_FEW_HIDDEN(f"fewer than {least} in '{part}'", step=context.step)
    for part, chosen in zip(PARTS, (~test, test), strict=True):
        made = frame.take(np.flatnonzero(chosen))
        if planning.label_holder in context.mine:
            (there,) = np.nonzero(made.places[context.me] >= 0)
            check_label(replace(made, hidden=None).take(there), part, params.label, context)
        context.frames[part] = made


def _parts(context: PlanContext, whole: FrameShape, params: SplitParams) -> tuple[HiddenShape, HiddenShape]:
    """How many rows of each part are common, at least and at most."""
    hidden, test = whole.hidden, int(_test_rows(whole.rows, params).sum())
    assert hidden is not None  # asked before
    found = []
    for rows, share in ((whole.rows - test, 1 - params.test), (test, params.test)):
        most = min(hidden.most, rows)
        # Half of what the part has on average where no more rows are common than must be: rarely it has
        # fewer. And no more than what can be divided by on shares.
        half = math.floor(share * hidden.least / 2)
        least = max(FEWEST, context.min_group, half, fewest_to_divide(most))
        found.append(replace(hidden, least=least, most=most))
    return found[0], found[1]


def _program(context: PlanContext, whole: FrameShape, params: SplitParams) -> Program:
    parts = np.where(_test_rows(whole.rows, params), 1, 0)
    least = np.array([float(one.least) for one in _parts(context, whole, params)])

    def program(ctx: Context) -> None:
        member = ctx.shared(MEMBER, (whole.rows,), (0, 1), 0)
        counts = functions.segment_sum(member, parts, len(PARTS))
        ctx.reveal(functions.greater_equal(counts, least), context.parties, ENOUGH)

    return program


def _test_rows(rows: int, params: SplitParams) -> Mask:
    return _drawn(rows, params.test, params.salt)


@lru_cache(maxsize=2)
def _drawn(rows: int, test: float, salt: str) -> Mask:
    drawn = is_test(bin_keys(rows), test, salt)
    drawn.flags.writeable = False
    return drawn
