"""``bin``: cut columns into bins, and weigh the bins by the label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from coterie.learn.component import (
    EACH,
    Component,
    Engine,
    PlanContext,
    ResultKind,
    Reveal,
    RunContext,
    StepPlan,
)
from coterie.learn.errors import FRAME_MISSING, RECORD_INVALID
from coterie.learn.transform import Learnt, training_of

from .clear import final
from .counting import Counted, Places, count_plan, count_run
from .errors import BINS_NOT_AGREED
from .exchange import Sizes, exchanged, sizes_to, with_documents
from .facts import BinsFacts, chosen
from .fl import need_equal_bins
from .params import BinParams
from .record import Bins, ColumnBins, ColumnIv, IvTable, iv_size
from .statement import subtracted

__all__ = ["Bin", "owners_may_see"]


class Bin(Component[BinParams]):
    """Cuts the training rows' columns into bins, which their owners keep, and weighs them. In engine fl they
    are bins of all parties' rows, and all parties learn their counts.

    Errors: CT-3001 without aligned rows, CT-3016 and CT-3101 for labels of which one is too rare, CT-3028 for
    an infinite number, CT-3100 for a column that is not there, CT-3102 where the agreement does not show an
    owner its bins, CT-3104 for an unfit special value, CT-1501 and CT-1502 for labels other than 0 and 1;
    in engine fl CT-3235 to CT-3237.
    """

    name: ClassVar[str] = "bin"
    summary: ClassVar[str] = (
        "Cut columns into bins by their owners, with weights of evidence and information values."
    )
    Parameters: ClassVar = BinParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})

    def plan(self, context: PlanContext, params: BinParams) -> StepPlan:
        columns = _columns(context, params)
        plan = count_plan(context, columns, params)
        plan = with_documents(plan, _table_sizes(context, columns))
        owners = context.parties if context.horizontal else columns
        shown = tuple(party for party in context.receiving("bins") if party in owners)
        results: dict[str, tuple[str, ...]] = {"bins": shown, "iv": context.receiving("iv")}
        context.models[context.step] = BinsFacts(columns, params.slots)
        return replace(
            plan,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=(*plan.reveals, *_reveals(context, columns, params)),
            results={kind: to for kind, to in results.items() if to},
        )

    def run(self, context: RunContext, params: BinParams) -> None:
        columns = _columns(context.planning, params)
        found = count_run(context, columns, params)
        if context.deals_ahead:
            return
        own = {} if found is None else _binned(context, found, params)
        if context.engine == "fl":
            need_equal_bins(context, own[EACH])
        if found is not None:
            context.models[context.step] = Learnt(self.name, params, own)
        for owner, bins in own.items():
            context.tell("bins", bins.model_dump(mode="json"), to=(owner,))
        own_tables = {owner: _table(context, owner, bins) for owner, bins in own.items()}
        sizes = _table_sizes(context.planning, columns)
        tables = _checked(exchanged(context, sizes, own_tables, IvTable), columns)
        context.tell("iv", lambda: _joined(context, tables).model_dump(mode="json"))


def owners_may_see(context: PlanContext, columns: Places) -> None:
    """Raises CT-3102 where bins would be shown to an owner who may not see them."""
    shown = context.receiving("bins")
    for owner in columns:
        if context.engine == "mpc" and owner not in shown and owner != context.label_holder:
            raise BINS_NOT_AGREED(f"{owner} may not get results of kind 'bins'", step=context.step)


def _columns(context: PlanContext, params: BinParams) -> dict[str, tuple[str, ...]]:
    shape = training_of(context.frames)
    if shape is None:
        raise FRAME_MISSING("'all'", step=context.step)
    columns = chosen(shape, params.columns, params.special)
    owners_may_see(context, columns)
    return columns


def _binned(context: RunContext, found: Mapping[str, list[Counted]], params: BinParams) -> dict[str, Bins]:
    total, done = sum(map(len, found.values())), 0
    bins = {}
    for owner, columns in found.items():
        made: list[ColumnBins] = []
        for one in columns:
            context.progress(done, total, "choosing bins")
            made.append(final(one.groups, one.merged, params))
            done += 1
        bins[owner] = Bins(columns=tuple(made))
    return bins


def _table_sizes(context: PlanContext, columns: Places) -> Sizes:
    sizes = {owner: iv_size(context.step, owner, names) for owner, names in columns.items()}
    return sizes_to(context, "iv", sizes)


def _checked(tables: Mapping[str, IvTable], columns: Places) -> list[IvTable]:
    """Raises CT-3031 where a table is not of its owner's columns."""
    for owner, table in tables.items():
        if sorted((one.party, one.column) for one in table.columns) != sorted(
            (owner, name) for name in columns[owner]
        ):
            raise RECORD_INVALID(f"information values of other columns, from {owner}", party=owner)
    return list(tables.values())


def _table(context: RunContext, owner: str, bins: Bins) -> IvTable:
    least = context.planning.min_group

    def of(column: ColumnBins) -> ColumnIv:
        there = column.rows - column.missing_rows
        told = column.missing_rows in (0, column.rows) or min(column.missing_rows, there) >= least
        return ColumnIv(
            party=owner,
            column=column.name,
            iv=column.iv_told,
            bins=len(column.bins),
            missing_rate=column.missing_rows / column.rows if told else None,
        )

    return IvTable(step=context.step, min_group=least, columns=tuple(map(of, bins.columns)))


def _joined(context: RunContext, tables: list[IvTable]) -> IvTable:
    """All columns, by information value."""
    columns = [one for table in tables for one in table.columns]
    columns.sort(key=lambda one: (-one.iv, one.party, one.column))
    return IvTable(step=context.step, min_group=context.planning.min_group, columns=tuple(columns))


def _reveals(context: PlanContext, columns: Places, params: BinParams) -> tuple[Reveal, ...]:
    least = context.min_group
    reveals: list[Reveal] = []
    kind: ResultKind = "bins"
    seen = context.receiving(kind)
    if context.horizontal and context.engine == "tee" and seen:
        text = f"how many rows with each label are in each bin, in none fewer than {least} of either"
        reveals.append(Reveal(text, seen, 2 * len(columns[EACH]) * params.slots, kind))
    if context.engine == "fl":
        reveals += subtracted(context, EACH, 2 * len(columns[EACH]) * params.slots)
    for owner, names in columns.items():
        if owner in seen and (context.engine == "tee" or owner != context.label_holder):
            text = (
                f"how many rows with each label are in each bin of {owner}'s own columns, in none fewer than "
                f"{least} of either, and how many in all"
            )
            values = 2 * len(names) * params.slots
            reveals += [Reveal(text, (owner,), values, kind), *subtracted(context, owner, values)]
    to = context.receiving("iv")
    if to:
        text = "information value, number of bins and share of missing values of each binned column"
        reveals.append(Reveal(text, to, 3 * sum(map(len, columns.values())), "iv"))
    return tuple(reveals)
