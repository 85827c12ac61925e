"""``sample``: some of the rows, or rows of other weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coterie.data import VerticalFrame, table_needs
from coterie.errors import CoterieError
from coterie.learn.choosing import (
    Draws,
    Mask,
    agreed,
    check_label,
    counted,
    draws,
    evenly,
    keep_rows,
    lowest,
    planned_rows,
    private_draws,
    strata,
    tells,
    tells_others,
    told_rows,
    with_counts,
)
from coterie.learn.chosen import place_of, shape_of
from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.keys import rows_of
from coterie.learn.places import check_new, check_places, relaid
from coterie.learn.transform import training_of

from .clear import checked, class_factors
from .errors import BASE_ELSEWHERE
from .fl import pooled_factors, pooled_needs
from .params import SampleParams
from .statement import RANDOM, STRATIFIED, WEIGHTS

__all__ = ["Sample"]

DOMAIN = b"coterie/sample/v1\x00"


class Sample(Component[SampleParams]):
    """Leaves a share of the rows, in every frame or in one; or gives rows weights by their label.

    ``random`` draws by keyed ids, and nobody sends; in horizontal jobs as :func:`lowest` does. Of
    ``stratified`` the column's owner draws, and in engine "mpc" tells the other parties with data which rows
    stay. ``weights`` makes a column at the label holder, which nobody sees: rows of the rarer label that were
    left out, or came twice, would show their labels. Each party of a horizontal job does it to its own rows;
    weights are by the labels of all parties' rows.

    Errors: CT-3001 without the frame, CT-3016 where the label holder finds one label value only, CT-3031,
    CT-3115 for a column of weights that is there already, CT-3125 where fewer than two rows are left, CT-3127
    for weights that are none, CT-3128 for weights of another party, CT-3135 for a column that is not there;
    in engine fl CT-3235.
    """

    name: ClassVar[str] = "sample"
    summary: ClassVar[str] = "Leave a random or stratified share of the rows, or weigh them by label."
    Parameters: ClassVar = SampleParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    ends_stage: ClassVar[bool] = True

    def plan(self, context: PlanContext, params: SampleParams) -> StepPlan:
        shape_of(context, "all")
        names = _frames(context, params)
        rows = planned_rows(context, names)
        context.scored = frozenset()  # scores that are known are of the rows before
        memory, disk = table_needs(rows, context.widest * len(names))
        plan = StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            rounds=dict.fromkeys(context.everybody, 0),
            memory=80 * rows + memory,
            disk=disk,
            statement=RANDOM,
        )
        if params.method == "weights":
            _plan_weights(context, params)
            if context.engine == "fl":
                return replace(plan, **pooled_needs(context))
            return replace(plan, statement=WEIGHTS)
        told: tuple[Reveal, ...] = ()
        if context.everybody:
            told = (told_rows(context),)
        if params.by is None:
            return replace(plan, reveals=told)
        check_places(context, (params.by,), label=True)
        owner, _ = place_of(params.by)
        if tells_others(context):
            what = f"which rows are drawn, the same share of every group of {params.by}"
            others = tuple(party for party in context.parties if party != owner)
            told = (Reveal(what, others, rows), *told)
        return replace(plan, **tells(context, owner, rows), reveals=told, statement=STRATIFIED)

    def run(self, context: RunContext, params: SampleParams) -> None:
        if not context.computes:
            return
        if params.method == "weights":
            if context.planning.label_holder in context.mine:
                _weigh(context, params)
            return
        names = _frames(context.planning, params)
        whole = context.frames["all" if "all" in names else names[0]]
        keep_rows(context, names, _drawn(context, whole, params), params.label)

    def facts(self, context: RunContext) -> dict[str, int]:
        return counted(context.frames)

    def apply_facts(self, context: PlanContext, facts: Mapping[str, int]) -> None:
        with_counts(context, facts)


def _frames(context: PlanContext, params: SampleParams) -> list[str]:
    """Errors: CT-3001."""
    if params.frame in (None, "all"):  # the others have some of its rows
        return list(context.frames)
    shape_of(context, params.frame)
    return [params.frame]


def _drawn(context: RunContext, whole: VerticalFrame, params: SampleParams) -> Mask:
    if params.by is None:
        drawn = draws(whole.id_keys, DOMAIN, params.salt)
        if context.horizontal:
            return _share_of_each(context, whole, drawn, params)
        return np.asarray(drawn < np.uint64(int(params.fraction * 2**64)))
    owner, name = place_of(params.by)

    def choose() -> Mask:
        groups = strata(whole.column(owner, name), context.planning.min_group)
        return evenly(groups, params.fraction, private_draws(context, whole.keys, DOMAIN, params.salt))

    return agreed(context, owner, whole.rows, choose)


def _share_of_each(context: RunContext, whole: VerticalFrame, drawn: Draws, params: SampleParams) -> Mask:
    """The share of every frame by itself: each one's count is told, and must be known before."""
    parts = np.zeros(whole.rows, np.int64)
    for number, name in enumerate(_frames(context.planning, params)):
        frame = context.frames[name]
        if frame is not whole:
            parts[rows_of(frame.keys, whole.keys)] = number
    chosen = np.zeros(whole.rows, np.bool_)
    for part in np.unique(parts):
        rows = np.flatnonzero(parts == part)
        chosen[rows] = lowest(drawn[rows], params.fraction)
    return chosen


def _plan_weights(context: PlanContext, params: SampleParams) -> None:
    place = f"{context.label_holder}.{params.column}"
    check_new(context, (place,))
    if params.base is not None:
        check_places(context, (params.base,))
        if place_of(params.base)[0] != context.label_holder:
            raise BASE_ELSEWHERE(f"'{params.base}'", step=context.step)
    apart = (place,) if params.base is None else (params.base, place)
    for name, shape in context.frames.items():
        own = _features(shape.columns[context.label_holder], params)
        columns = {**shape.columns, context.label_holder: own}
        context.frames[name] = replace(shape, columns=columns, apart=(*shape.apart, *apart))


def _features(names: tuple[str, ...], params: SampleParams) -> tuple[str, ...]:
    """The label holder's, without the weights to start from."""
    base = None if params.base is None else place_of(params.base)[1]
    return tuple(name for name in names if name != base)


def _weigh(context: RunContext, params: SampleParams) -> None:
    """At the label holder: one more column, learnt from the training rows. Errors: CT-3016, CT-3127."""
    holder = context.planning.label_holder
    what = f"'{params.base or params.column}'"
    try:
        training: VerticalFrame = training_of(context.frames)
        check_label(training, "training rows", params.label, context)
        base = _base(training, params)
        if context.engine == "fl":
            factors = pooled_factors(context, training.labels(), params.share, base, what)
        else:
            factors = class_factors(training.labels(), params.share, base, what)
        for name, frame in context.frames.items():
            weights = np.where(frame.labels() == 1, factors[1], factors[0])
            base = _base(frame, params)
            if base is not None:
                weights = weights * checked(base, what)
            column = pa.chunked_array([pa.array(weights, pa.float64())])
            part = frame.part(holder)
            part = relaid(part, _features(part.columns[holder], params), [(params.column, column)])
            context.frames[name] = frame.with_part(part)
    except CoterieError as error:
        raise error.at(party=context.me, step=context.step) from None


def _base(frame: VerticalFrame, params: SampleParams) -> NDArray[np.float64] | None:
    return None if params.base is None else frame.values([place_of(params.base)])[:, 0]
