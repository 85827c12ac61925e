"""``describe``: figures of every column, in full for its owner."""

from __future__ import annotations

from typing import ClassVar

from coterie.errors import CoterieError
from coterie.learn.chosen import ColumnsOf, chosen, shape_of
from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.describe.clear import guarded_profile, whole_profile
from coterie.learn.describe.params import DescribeParams
from coterie.learn.describe.record import ColumnProfile, Profile, number_count, packed_size
from coterie.learn.describe.statement import STATEMENT
from coterie.learn.documents import pack, unpack
from coterie.learn.errors import NOBODY_RECEIVES, RECORD_INVALID

__all__ = ["Describe"]

TAG = "profile"


class Describe(Component[DescribeParams]):
    """Tells each receiver of "profile" the figures of all columns: of its own in full, of others' only what
    is of groups of at least the agreed size.

    Errors: CT-3001 without the frame, CT-3028 for values that are not finite, CT-3135 for a column that is
    not there, CT-3136 where nobody may receive it, CT-3031 for an unreadable record.
    """

    name: ClassVar[str] = "describe"
    summary: ClassVar[str] = "Count, missing values, moments, quantiles and histogram of every column."
    Parameters: ClassVar = DescribeParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})
    needs_label: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: DescribeParams) -> StepPlan:
        rows = shape_of(context, params.frame).rows
        receivers = context.receiving("profile")
        if not receivers:
            raise NOBODY_RECEIVES("'profile'", step=context.step)
        columns = _columns(context, params)
        sizes = _sizes(context, columns, params)
        sent: dict[str, dict[str, int]] = {}
        for (owner, party), size in sizes.items():
            sent.setdefault(owner, {})[party] = size
        reveals = []
        for owner, names in columns.items():
            others = tuple(party for party in receivers if party != owner)
            if others:
                what = (
                    f"figures of the columns of {owner} (counts, moments, quantiles, histograms), "
                    f"of groups of at least {context.min_group} rows"
                )
                reveals.append(Reveal(what, others, number_count(names, params), "profile"))
        hearing = {party for _, party in sizes}
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            sent=sent,
            rounds={party: int(party in hearing) for party in context.everybody},
            reveals=tuple(reveals),
            results={"profile": receivers},
            memory=6 * 8 * rows,
            statement=STATEMENT,
        )

    def run(self, context: RunContext, params: DescribeParams) -> None:
        planning = context.planning
        columns = _columns(planning, params)
        sizes = _sizes(planning, columns, params)
        whole: dict[str, list[ColumnProfile]] = {}
        guarded: dict[str, list[ColumnProfile]] = {}
        for owner in context.mine:
            names = columns.get(owner, ())
            try:
                whole[owner], guarded[owner] = _profiles(context, params, owner, names)
            except CoterieError as error:
                raise error.at(party=owner, step=context.step) from None
        for (owner, party), size in sizes.items():
            if owner == context.me:
                content = pack(_document(context, params, guarded[owner]), size)
                context.mesh.to(party).send_bytes(TAG, content)
        if context.deals_ahead:
            return
        for (owner, party), size in sizes.items():
            if party == context.me:
                received = unpack(context.mesh.to(owner).recv_bytes(TAG, size), Profile, owner)
                guarded[owner] = _checked(received, owner, columns[owner])
        for receiver in context.receiving("profile"):
            lines = [
                line for owner in columns for line in (whole[owner] if owner == receiver else guarded[owner])
            ]
            context.tell("profile", _document(context, params, lines).model_dump(mode="json"), (receiver,))


def _columns(context: PlanContext, params: DescribeParams) -> ColumnsOf:
    return chosen(shape_of(context, params.frame), params.columns, context.step)


def _sizes(context: PlanContext, columns: ColumnsOf, params: DescribeParams) -> dict[tuple[str, str], int]:
    """Bytes by owner and receiver; nobody sends where all columns are in one place."""
    told = [party for party in context.receiving("profile") if party in context.everybody]
    return {
        (owner, party): packed_size(names, params)
        for owner, names in columns.items()
        for party in told
        if party != owner
    }


def _profiles(
    context: RunContext, params: DescribeParams, owner: str, names: tuple[str, ...]
) -> tuple[list[ColumnProfile], list[ColumnProfile]]:
    """All of the owner's columns for itself, and for others where there are any."""
    frame, receivers = context.frames[params.frame], context.planning.receiving("profile")
    whole, guarded = [], []
    for number, name in enumerate(names):
        context.progress(number, len(names), "counting")
        values = frame.column(owner, name)
        if owner in receivers:
            whole.append(whole_profile(owner, name, values, params))
        if set(receivers) - {owner}:
            guarded.append(guarded_profile(owner, name, values, params, context.planning.min_group))
    return whole, guarded


def _checked(received: Profile, owner: str, names: tuple[str, ...]) -> list[ColumnProfile]:
    """Of the columns that were announced, and of no others. Errors: CT-3031."""
    expected = [(owner, name, False) for name in names]
    if [(line.party, line.column, line.whole) for line in received.columns] != expected:
        raise RECORD_INVALID(f"from {owner}: other columns than planned", party=owner)
    return list(received.columns)


def _document(context: RunContext, params: DescribeParams, lines: list[ColumnProfile]) -> Profile:
    group = context.planning.min_group
    return Profile(frame=params.frame, min_group=group, columns=tuple(lines))
