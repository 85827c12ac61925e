"""``pca``: directions in which the features vary most, and new columns along them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.chosen import chosen
from coterie.learn.component import (
    Component,
    Engine,
    FrameShape,
    PlanContext,
    ResultKind,
    Reveal,
    RunContext,
    StepPlan,
)
from coterie.learn.errors import NOBODY_RECEIVES
from coterie.learn.joined import (
    check_derived,
    derived_frames,
    derived_shape,
    granted,
    plan_derived,
    training_frame,
    training_shape,
)
from coterie.learn.linear import need_all_here
from coterie.learn.pca import clear
from coterie.learn.pca.errors import TOO_MANY_COMPONENTS, TOO_WIDE
from coterie.learn.pca.model import Components, read_components
from coterie.learn.pca.params import MOST_FEATURES, PcaParams
from coterie.learn.pca.statement import CLEAR, MODEL
from coterie.learn.places import check_numbers, relaid
from coterie.learn.pooled import alone, complete_values, enough_beside
from coterie.learn.saving import Repeats
from coterie.learn.summed import SUMS, planned_sums

__all__ = ["Pca"]

KINDS: tuple[ResultKind, ...] = ("model", "coefficients")


@dataclass(frozen=True)
class PcaFacts:
    """What is public of it."""

    columns: Mapping[str, tuple[str, ...]]
    params: PcaParams


class Pca(Component[PcaParams], Repeats):
    """Learns from "train", or from "all" where the rows are not split; every frame gets the new columns.

    Engines "clear" and "tee": all columns are in one place. Engine "fl": every party has rows of its own, and
    all learn the components from the sums of products of pairs of features.

    Errors: CT-3001 without aligned rows, CT-3055 without features, CT-3135 for a column that is not there,
    CT-1433, CT-3027, CT-3028 (features), CT-3025 (a feature that does not vary, with ``scale: standard``),
    CT-3276, CT-3277, CT-3275 (new columns of several owners'), CT-3115, CT-3136 where nothing would
    come of it, CT-3052 (columns elsewhere); in engine fl CT-3235.
    """

    name: ClassVar[str] = "pca"
    summary: ClassVar[str] = "Find the directions in which the features vary most; new columns along them."
    Parameters: ClassVar = PcaParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "fl"})
    needs_label: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: PcaParams) -> StepPlan:
        shape = training_shape(context)
        columns = chosen(shape, params.columns, context.step)
        width = sum(map(len, columns.values()))
        check_numbers(context, (f"{owner}.{name}" for owner, names in columns.items() for name in names))
        if width > MOST_FEATURES:
            raise TOO_WIDE(f"{width}", step=context.step)
        if params.components > width:
            raise TOO_MANY_COMPONENTS(f"{params.components} of {width} features", step=context.step)
        results = granted(context, KINDS)
        if not results and not params.made:
            raise NOBODY_RECEIVES("'coefficients' or 'model'", step=context.step)
        numbers = width * (3 + params.components)
        plan = StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=tuple(Reveal(MODEL, to, numbers, kind) for kind, to in _kinds(results)),
            results=results,
            memory=3 * 8 * shape.rows * width,
            operations=shape.rows * width * width,
            statement=CLEAR,
        )
        if context.engine == "fl":
            enough_beside(context, shape, width)
            sums = planned_sums(context, clear.totals(width))
            reveals = (*sums.pop("reveals"), *plan.reveals)
            plan = replace(plan, **sums, reveals=reveals, statement=SUMS)
        if params.made:
            check_derived(context, columns, params.made, _dropped(columns, params))
            plan_derived(context, next(iter(columns)), params.made, _dropped(columns, params))
        context.models[context.step] = PcaFacts(columns, params)
        return plan

    def run(self, context: RunContext, params: PcaParams) -> None:
        if not context.computes:
            return
        try:
            found = _fitted(context, params)
            context.models[context.step] = found
            context.give("model", f"{context.step}.model", found.to_bytes)
            context.tell("coefficients", lambda: found.record().model_dump(mode="json"))
            if params.made:
                (owner,), dropped = found.columns, _dropped(found.columns, params)
                derived_frames(context, owner, found.made, params.made, dropped)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None

    def shape_again(self, shape: FrameShape, params: PcaParams) -> FrameShape:
        columns = chosen(shape, params.columns, self.name)
        if not params.made:
            return shape
        return derived_shape(shape, next(iter(columns)), params.made, _dropped(columns, params))

    def kept_state(self, left: Components, owner: str) -> bytes:  # noqa: ARG002
        return left.to_bytes()

    def again(self, frame: VerticalFrame, params: PcaParams, state: bytes) -> VerticalFrame:
        found = read_components(state)
        if found.params != params:
            raise ValueError("of another step")
        if not params.made:
            return frame
        (owner,), dropped = found.columns, _dropped(found.columns, params)
        kept = [name for name in frame.columns[owner] if name not in dropped]
        return relaid(frame, (*kept, *params.made), found.made(frame), dropped)


def _kinds(results: dict[str, tuple[str, ...]]) -> list[tuple[ResultKind, tuple[str, ...]]]:
    return [(kind, results[kind]) for kind in KINDS if kind in results]


def _dropped(columns: Mapping[str, tuple[str, ...]], params: PcaParams) -> tuple[str, ...]:
    """Names of the columns whose places the new ones take."""
    return next(iter(columns.values())) if params.output == "replace" else ()


def _fitted(context: RunContext, params: PcaParams) -> Components:
    planned: Any = context.planning
    columns: dict[str, tuple[str, ...]] = chosen(training_shape(planned), params.columns, context.step)
    need_all_here(context, columns)
    places = tuple((owner, name) for owner, names in columns.items() for name in names)
    context.progress(0, 1, "reading columns")
    values = complete_values(training_frame(context), places)
    adding = context.sums().total if context.engine == "fl" else alone
    names = tuple(name for _, name in places)
    found = clear.fit(adding, values, names, standard=params.scale == "standard")
    least = found.variances[params.components - 1]
    if params.whiten and not least > 1e-13 * found.variances[0]:
        raise TOO_MANY_COMPONENTS(f"the variance of number {params.components} is nothing")
    return Components(columns, params, found)
