"""``describe``: figures of every column, in full for its owner."""

from __future__ import annotations

from typing import ClassVar

from coterie.errors import CoterieError
from coterie.learn.chosen import ColumnsOf, chosen, shape_of
from coterie.learn.component import EACH, Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.describe.clear import guarded_profile, whole_profile
from coterie.learn.describe.fl import pooled_needs, pooled_profiles
from coterie.learn.describe.params import DescribeParams
from coterie.learn.describe.record import ColumnProfile, Profile, number_count, packed_size
from coterie.learn.describe.statement import STATEMENT
from coterie.learn.documents import pack, unpack
from coterie.learn.errors import NOBODY_RECEIVES, RECORD_INVALID

__all__ = ["Describe"]

TAG = "profile"


class Describe(Component[DescribeParams]):
    """Tells each receiver of "profile" the figures of all columns: of its own in full, of others' only what
    is of groups of at least the agreed size. In engine fl it is told those of all parties' rows.

    Errors: CT-3001 without the frame, CT-3028 for values that are not finite, CT-3135 for a column that is
    not there, CT-3136 where nobody may receive it, CT-3031 for an unreadable record;
    in engine fl CT-3235, CT-3236.
    """

    name: ClassVar[str] = "describe"
    summary: ClassVar[str] = "Count, missing values, moments, quantiles and histogram of every column."
    Parameters: ClassVar = DescribeParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    needs_label: ClassVar[bool] = False

    def plan(self, context: PlanContext, params: DescribeParams) -> StepPlan:
        rows = shape_of(context, params.frame).rows
        receivers = context.receiving("profile")
        if not receivers:
            raise NOBODY_RECEIVES("'profile'", step=context.step)
        columns = _columns(context, params)
        if context.engine == "fl":
            shape, names = shape_of(context, params.frame), columns.get(EACH, ())
            return StepPlan(
                step=context.step,
                component=self.name,
                params=params.model_dump(mode="json"),
                **pooled_needs(context, shape, names, params),
                results={"profile": receivers},
                memory=6 * 8 * rows,
            )
        sizes = _sizes(context, columns, params)
        sent: dict[str, dict[str, int]] = {}
        for (owner, party), size in sizes.items():
            sent.setdefault(owner, {})[party] = size
        reveals = []
        for owner, names in columns.items():
            others = tuple(party for party in receivers if not _owns(context, party, owner))
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
        if context.engine == "fl":
            self._tell_pooled(context, params, columns.get(EACH, ()))
            return
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
                line
                for owner in columns
                for line in (whole if _owns(planning, receiver, owner) else guarded)[owner]
            ]
            context.tell("profile", _document(context, params, lines).model_dump(mode="json"), (receiver,))

    def _tell_pooled(self, context: RunContext, params: DescribeParams, names: tuple[str, ...]) -> None:
        shape = shape_of(context.planning, params.frame)
        try:
            lines = pooled_profiles(context, shape, names, params)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None
        context.tell("profile", _document(context, params, lines).model_dump(mode="json"))


def _owns(context: PlanContext, party: str, owner: str) -> bool:
    """Whether these columns are its own: all of them, where one party works on horizontal frames alone."""
    return owner == party or (owner == EACH and context.engine == "clear" and party in context.parties)


def _columns(context: PlanContext, params: DescribeParams) -> ColumnsOf:
    return chosen(shape_of(context, params.frame), params.columns, context.step)


def _sizes(context: PlanContext, columns: ColumnsOf, params: DescribeParams) -> dict[tuple[str, str], int]:
    """Bytes by owner and receiver; nobody sends where all columns are in one place."""
    told = [party for party in context.receiving("profile") if party in context.everybody]
    return {
        (owner, party): packed_size(names, params)
        for owner, names in columns.items()
        for party in told
        if not _owns(context, party, owner)
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
        if any(_owns(context.planning, party, owner) for party in receivers):
            whole.append(whole_profile(owner, name, values, params))
        if not all(_owns(context.planning, party, owner) for party in receivers):
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
