"""``kmeans``: clusters of rows that are near to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.chosen import chosen, shape_of
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
    NO_RECEIVER,
    check_derived,
    derived_frames,
    derived_shape,
    give_rows,
    granted,
    plan_derived,
    training_frame,
    training_shape,
)
from coterie.learn.kmeans import clear
from coterie.learn.kmeans.errors import CENTRES_UNFIT, TOO_FEW_ROWS
from coterie.learn.kmeans.model import Clusters, read_clusters
from coterie.learn.kmeans.params import MOST_FEATURES, KmeansParams
from coterie.learn.kmeans.statement import BY_SUMS, CLEAR, MODEL, ROWS
from coterie.learn.linear import need_all_here
from coterie.learn.places import check_numbers, relaid
from coterie.learn.pooled import alone, complete_values, enough_beside
from coterie.learn.saving import Repeats
from coterie.learn.summed import planned_sums

__all__ = ["Kmeans"]


@dataclass(frozen=True)
class KmeansFacts:
    """What is public of it."""

    columns: Mapping[str, tuple[str, ...]]
    params: KmeansParams


class Kmeans(Component[KmeansParams], Repeats):
    """Learns from "train", or from "all" where the rows are not split; every frame gets the new column, where
    one is asked for.

    Engines "clear" and "tee": all columns are in one place. Engine "fl": every party has rows of its own, and
    all learn the centres of each iteration; rows' clusters stay with the party that has them.

    Errors: CT-3001 without aligned rows, CT-3055 without features, CT-3135 for a column that is not there,
    CT-1433, CT-3027, CT-3028 (features), CT-3025 where no feature varies, CT-3280, CT-3281, CT-3275 (a new
    column of several owners'), CT-3115, CT-3081 (nobody receives what ``rows`` asks for), CT-3136 where
    nothing would come of it, CT-3052 (columns elsewhere); in engine fl CT-3235.
    """

    name: ClassVar[str] = "kmeans"
    summary: ClassVar[str] = "Find clusters of rows that are near to each other."
    Parameters: ClassVar = KmeansParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "fl"})
    needs_label: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: KmeansParams) -> StepPlan:
        shape = training_shape(context)
        columns = chosen(shape, params.columns, context.step)
        width = sum(map(len, columns.values()))
        check_numbers(context, (f"{owner}.{name}" for owner, names in columns.items() for name in names))
        _check_start(context, width, shape, params)
        results, reveals = _results(context, width, params)
        if not results and not params.made:
            raise NOBODY_RECEIVES("'coefficients' or 'model'", step=context.step)
        plan = StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=reveals,
            results=results,
            memory=3 * 8 * shape.rows * (width + 4),
            operations=params.beginnings * params.iterations * shape.rows * width * params.clusters,
            statement=CLEAR,
        )
        if context.engine == "fl":
            enough_beside(context, shape, width)
            sums = planned_sums(context, clear.totals(width, params), at_most=True)
            plan = replace(plan, **{**sums, "reveals": (*sums["reveals"], *reveals)}, statement=BY_SUMS)
        if params.made:
            check_derived(context, columns, params.made)
            plan_derived(context, next(iter(columns)), params.made)
        context.models[context.step] = KmeansFacts(columns, params)
        return plan

    def run(self, context: RunContext, params: KmeansParams) -> None:
        if not context.computes:
            return
        try:
            found = _fitted(context, params)
            context.models[context.step] = found
            context.give("model", f"{context.step}.model", found.to_bytes)
            context.tell("coefficients", lambda: found.record().model_dump(mode="json"))
            if params.rows is not None:
                frame = context.frames[params.rows]
                cluster, apart = found.of(frame)
                listed = {"cluster": cluster, "distance": apart}
                give_rows(context, "scores", f"{context.step}.clusters.parquet", frame, listed)
            if params.made:
                derived_frames(context, next(iter(found.columns)), found.made, params.made)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None

    def shape_again(self, shape: FrameShape, params: KmeansParams) -> FrameShape:
        columns = chosen(shape, params.columns, self.name)
        return derived_shape(shape, next(iter(columns)), params.made) if params.made else shape

    def kept_state(self, left: Clusters, owner: str) -> bytes:  # noqa: ARG002
        return left.to_bytes()

    def again(self, frame: VerticalFrame, params: KmeansParams, state: bytes) -> VerticalFrame:
        found = read_clusters(state)
        if found.params != params:
            raise ValueError("of another step")
        if not params.made:
            return frame
        (owner,) = found.columns
        return relaid(frame, (*frame.columns[owner], *params.made), found.made(frame))


def _check_start(context: PlanContext, width: int, shape: FrameShape, params: KmeansParams) -> None:
    if params.centres is not None and len(params.centres[0]) != width:
        raise CENTRES_UNFIT(f"{len(params.centres[0])} numbers, {width} features", step=context.step)
    if width > MOST_FEATURES:
        raise CENTRES_UNFIT(f"{width} features, of at most {MOST_FEATURES}", step=context.step)
    if context.exact and shape.rows < params.clusters * max(1, context.min_group):
        problem = f"{shape.rows} rows for {params.clusters} clusters of {context.min_group} or more"
        raise TOO_FEW_ROWS(problem, step=context.step)
    # Sums of all rows less those of clusters would be sums of the rows of who moves none.
    for party, rows in (shape.horizontal or {}).items() if context.exact else ():
        if 0 < rows < context.min_group:
            raise TOO_FEW_ROWS(f"{rows} of {party}, and groups are of {context.min_group}", step=context.step)


def _results(
    context: PlanContext, width: int, params: KmeansParams
) -> tuple[dict[str, tuple[str, ...]], tuple[Reveal, ...]]:
    kinds: list[ResultKind] = ["model", "coefficients"]
    told = dict.fromkeys(kinds, (MODEL, 2 * params.clusters * (1 + width)))
    if params.rows is not None:
        rows = shape_of(context, params.rows).rows
        if not context.receiving("scores"):
            raise NO_RECEIVER("'scores'", step=context.step)
        kinds.append("scores")
        told["scores"] = (ROWS, 2 * rows)
    results = granted(context, kinds)
    reveals = [Reveal(told[kind][0], results[kind], told[kind][1], kind) for kind in kinds if kind in results]
    return results, tuple(reveals)


def _fitted(context: RunContext, params: KmeansParams) -> Clusters:
    planned: Any = context.planning
    columns: dict[str, tuple[str, ...]] = chosen(training_shape(planned), params.columns, context.step)
    need_all_here(context, columns)
    places = tuple((owner, name) for owner, names in columns.items() for name in names)
    context.progress(0, 1, "reading columns")
    values = complete_values(training_frame(context), places)
    most = params.beginnings * (params.clusters + params.iterations)

    def progress(done: int) -> None:
        context.progress(min(done, most), most, "moving centres", unit="iterations")

    least = max(1, context.planning.min_group)
    if context.engine == "fl":
        found = clear.fit(context.sums().total, values, params, least, progress=progress)
    else:
        found = clear.fit(alone, values, params, 1, least, progress)
    return Clusters(columns, params, found)
