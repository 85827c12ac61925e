"""``crosstab``: how a column and the label depend on each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from coterie.learn.binning import (
    Bins,
    Places,
    Sizes,
    chosen,
    count_plan,
    count_run,
    exchanged,
    final,
    need_equal_bins,
    owners_may_see,
    sizes_to,
    subtracted,
    with_documents,
)
from coterie.learn.component import EACH, Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import FRAME_MISSING, RECORD_INVALID
from coterie.learn.transform import training_of

from .clear import associated, table
from .params import CrosstabParams
from .record import Associations, Crosstabs, associations_size

__all__ = ["CrosstabOf"]


class CrosstabOf(Component[CrosstabParams]):
    """Counts the training rows' labels by group of each column, and tests for independence. In engine fl
    these are all parties' rows, and all parties learn their counts.

    Errors: CT-3001 without aligned rows, CT-3016 and CT-3101 for labels of which one is too rare, CT-3028,
    CT-3100 for a column that is not there, CT-3102 where the agreement does not show an owner its groups; in
    engine fl CT-3235 to CT-3237.
    """

    name: ClassVar[str] = "crosstab"
    summary: ClassVar[str] = (
        "Count labels by group of each column, for its owner, and measure their association."
    )
    Parameters: ClassVar = CrosstabParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})

    def plan(self, context: PlanContext, params: CrosstabParams) -> StepPlan:
        columns = _columns(context, params)
        plan = with_documents(count_plan(context, columns, params.as_bins()), _sizes(context, columns))
        owners = context.parties if context.horizontal else columns
        shown = tuple(party for party in context.receiving("bins") if party in owners)
        results = {"bins": shown, "correlations": context.receiving("correlations")}
        return replace(
            plan,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=(*plan.reveals, *_reveals(context, columns, params)),
            results={kind: to for kind, to in results.items() if to},
        )

    def run(self, context: RunContext, params: CrosstabParams) -> None:
        columns = _columns(context.planning, params)
        found = count_run(context, columns, params.as_bins())
        if context.deals_ahead:
            return
        bins = {
            owner: [final(one.groups, one.merged, params.as_bins()) for one in counted]
            for owner, counted in (found or {}).items()
        }
        if context.engine == "fl":
            need_equal_bins(context, Bins(columns=tuple(bins[EACH])))
        tables = {
            owner: Crosstabs(tables=tuple(table(owner, one) for one in own)) for owner, own in bins.items()
        }
        own = {
            owner: Associations(step=context.step, columns=tuple(map(associated, one.tables)))
            for owner, one in tables.items()
        }
        for owner, one in tables.items():
            context.tell("bins", one.model_dump(mode="json"), to=(owner,))
        every = exchanged(context, _sizes(context.planning, columns), own, Associations)
        for owner, told in every.items():
            if [(one.party, one.column) for one in told.columns] != [
                (owner, name) for name in columns[owner]
            ]:
                raise RECORD_INVALID(f"associations of other columns, from {owner}", party=owner)
        context.tell("correlations", lambda: _joined(context.step, every).model_dump(mode="json"))


def _columns(context: PlanContext, params: CrosstabParams) -> dict[str, tuple[str, ...]]:
    shape = training_of(context.frames)
    if shape is None:
        raise FRAME_MISSING("'all'", step=context.step)
    columns = chosen(shape, params.columns)
    owners_may_see(context, columns)
    return columns


def _sizes(context: PlanContext, columns: Places) -> Sizes:
    own = {owner: associations_size(context.step, owner, names) for owner, names in columns.items()}
    return sizes_to(context, "correlations", own)


def _joined(step: str, every: Mapping[str, Associations]) -> Associations:
    columns = [one for told in every.values() for one in told.columns]
    columns.sort(key=lambda one: (-one.cramers_v, one.party, one.column))
    return Associations(step=step, columns=tuple(columns))


def _reveals(context: PlanContext, columns: Places, params: CrosstabParams) -> tuple[Reveal, ...]:
    least, slots = context.min_group, params.as_bins().slots
    reveals: list[Reveal] = []
    if context.engine == "fl":
        reveals += subtracted(context, EACH, 2 * len(columns[EACH]) * slots)
    for owner, names in columns.items():
        if owner in context.receiving("bins") and (context.engine == "tee" or owner != context.label_holder):
            text = (
                f"how many rows with each label are in each group of {owner}'s own columns, in none fewer "
                f"than {least} of either, and how many in all"
            )
            values = 2 * len(names) * slots
            reveals += [Reveal(text, (owner,), values, "bins"), *subtracted(context, owner, values)]
    to = context.receiving("correlations")
    if to:
        text = "chi-squared statistic, p-value and Cramér's V of each column and the label, number of groups"
        reveals.append(Reveal(text, to, 5 * sum(map(len, columns.values())), "correlations"))
    return tuple(reveals)
