"""``split``: rows for training and rows for the test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from coterie.data import VerticalFrame, table_needs
from coterie.errors import CoterieError
from coterie.learn.choosing import (
    Mask,
    agreed,
    check_label,
    evenly,
    private_draws,
    strata,
    tells,
    tells_others,
    with_count,
)
from coterie.learn.chosen import place_of, shape_of
from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import EMPTY_PART, SPLIT_TWICE
from coterie.learn.places import check_places

from .clear import DOMAIN, drawn_rows, is_latest
from .hidden import plan_hidden, run_hidden
from .params import SplitParams
from .statement import STATEMENT, STRATIFIED, TIME

__all__ = ["Split"]

PARTS = ("train", "test")


class Split(Component[SplitParams]):
    """Divides the frame "all" into "train" and "test".

    ``random`` draws by keyed ids, and nobody sends: who is in the test at one party is in it at all, but in
    horizontal jobs, where each party draws a share of its own rows, so that its count is known before. Of
    ``stratified`` and ``time`` the column's owner finds the test rows, and in engine "mpc" tells the other
    parties with data which they are. Each party of a horizontal job divides its own rows, and tells how many
    each part has.

    Errors: CT-3001 without aligned rows, CT-3015 where a part is empty, CT-3016 where the label holder finds
    a part with one label value only, CT-3017 for a second split, CT-3031, CT-3135 for a column that is not
    there; of ``time`` CT-3027, CT-3028, CT-3129; of hidden rows CT-3213, CT-3225.
    """

    name: ClassVar[str] = "split"
    summary: ClassVar[str] = "Divide the rows into training and test rows: at random, evenly or by time."
    Parameters: ClassVar = SplitParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    ends_stage: ClassVar[bool] = True
    takes_hidden: ClassVar[bool] = True

    def plan(self, context: PlanContext, params: SplitParams) -> StepPlan:
        if "train" in context.frames:
            raise SPLIT_TWICE(step=context.step)
        whole = shape_of(context, "all")
        if params.by is not None:
            check_places(context, (params.by,), label=True)
        for part in PARTS:
            context.frames[part] = whole
        memory, disk = table_needs(whole.rows, context.widest + 1)
        given = params.model_dump(mode="json")
        if whole.hidden is not None:
            needs = plan_hidden(context, params)
            more = {"memory": needs["memory"] + 96 * whole.rows + memory, "disk": needs["disk"] + disk}
            return StepPlan(context.step, self.name, given, **needs | more)
        messages: dict[str, Any] = {"rounds": dict.fromkeys(context.everybody, 0)}
        if params.by is not None:
            messages = tells(context, place_of(params.by)[0], whole.rows)
        return StepPlan(
            step=context.step,
            component=self.name,
            params=given,
            **messages,
            reveals=_reveals(context, params, whole.rows),
            memory=72 * whole.rows + memory,
            disk=disk,
            statement={"random": STATEMENT, "stratified": STRATIFIED, "time": TIME}[params.method],
            private=context.horizontal and params.method == "random",
        )

    def run(self, context: RunContext, params: SplitParams) -> None:
        if context.planning.frames["all"].hidden is not None:
            run_hidden(context, params)
            return
        if not context.computes:
            return
        whole = context.frames["all"]
        test = _test_rows(context, whole, params)
        for part, chosen in zip(PARTS, (~test, test), strict=True):
            if not chosen.any():
                raise EMPTY_PART(f"'{part}' of {whole.rows} rows", party=context.me, step=context.step)
            frame = whole.take(np.flatnonzero(chosen))
            if not (context.plan.private and context.engine == "fl"):  # a failure would tell of single rows
                check_label(frame, part, params.label, context)
            context.frames[part] = frame

    def facts(self, context: RunContext) -> dict[str, int]:
        return {f"rows.{part}": context.frames[part].rows for part in PARTS if part in context.frames}

    def apply_facts(self, context: PlanContext, facts: Mapping[str, int]) -> None:
        for part in PARTS:
            context.frames[part] = with_count(context.frames[part], f"rows.{part}", facts)


def _test_rows(context: RunContext, whole: VerticalFrame, params: SplitParams) -> Mask:
    if params.by is None:
        return drawn_rows(whole, params.test, params.salt)
    owner, name = place_of(params.by)

    def choose() -> Mask:
        column = whole.column(owner, name)
        if params.method == "time":
            return is_latest(name, column, params.test, params.since)
        groups = strata(column, context.planning.min_group)
        return evenly(groups, params.test, private_draws(context, whole.keys, DOMAIN, params.salt))

    try:
        return agreed(context, owner, whole.rows, choose)
    except CoterieError as error:
        raise error.at(party=owner, step=context.step) from None


def _reveals(context: PlanContext, params: SplitParams, rows: int) -> tuple[Reveal, ...]:
    reveals = []
    if params.by is not None and tells_others(context):
        owner, _ = place_of(params.by)
        what = f"which rows are for the test, the same share of every group of {params.by}"
        if params.method == "time":
            what = f"which rows are for the test, the latest by {params.by}"
        others = tuple(party for party in context.parties if party != owner)
        reveals.append(Reveal(what, others, rows))
    if context.horizontal and context.everybody:
        told = 2 * len(context.parties)
        reveals.append(
            Reveal("number of training rows and number of test rows of each party", context.everybody, told)
        )
    elif context.everybody:
        reveals.append(Reveal("number of training rows and number of test rows", context.everybody, 2))
    return tuple(reveals)
