"""``onehot``: categories as columns of 0 and 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pyarrow as pa

from coterie.data import VerticalFrame
from coterie.learn.choosing import told_alike
from coterie.learn.chosen import place_of
from coterie.learn.component import (
    EACH,
    Engine,
    FrameShape,
    PlanContext,
    Reveal,
    RunContext,
    Statement,
    StepPlan,
    Total,
)
from coterie.learn.places import bound_after, check_new, check_places, owned, relaid
from coterie.learn.transform import Learnt, Transform, training_of

from .clear import Categories, Encoder, encoded, fit
from .errors import COUNT_INVALID
from .fl import pooled_fit, pooled_totals
from .params import OnehotParams
from .record import OnehotColumn, OnehotGroup, OnehotProfile
from .statement import LOCAL, STATEMENT

__all__ = ["Onehot"]

TAG = "columns"
COUNT = np.dtype("<u2")


@dataclass(frozen=True)
class OnehotFacts:
    """What is public: which columns are encoded, and of how many each."""

    params: OnehotParams
    counts: Mapping[str, int]
    """By column, as ``party.column``: the most there can be, until the run has told."""


class Onehot(Transform[OnehotParams, Encoder]):
    """Puts columns of 0 and 1 in place of a column of categories: ``job#1``, ``job#2`` and so on, in every
    frame, each at its owner. Names tell no category. The categories are those of "train", or of "all" where
    the rows are not split, each of at least the agreed smallest group of rows.

    In engine "mpc" each owner tells the others how many columns came of each. Which category each stands for
    goes to the owner alone, as a result of kind "profile". In engine fl categories are those of all parties'
    rows, and all parties learn them.

    Errors: CT-3001 without aligned rows, CT-3020, CT-3027 for missing values where they are errors, CT-3115
    for a name that is there already, CT-3121 for decimal numbers, CT-3122 for a column with fewer than two
    groups, CT-3123 where a party tells an impossible number, CT-3135 for a column that is not there;
    in engine fl CT-3235, CT-3237.
    """

    name: ClassVar[str] = "onehot"
    summary: ClassVar[str] = "Turn categories into columns of 0 and 1, each at its owner."
    Parameters: ClassVar = OnehotParams
    State: ClassVar = Encoder
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    ends_stage: ClassVar[bool] = True
    statement: ClassVar[Statement] = LOCAL

    def check(self, context: PlanContext, params: OnehotParams) -> None:
        check_places(context, params.columns)
        check_new(
            context, (f"{place}#{number + 1}" for place in params.columns for number in range(params.most))
        )

    def totals(self, context: PlanContext, params: OnehotParams) -> Sequence[Total]:
        return pooled_totals(context, training_of(context.frames), params)

    def shape(self, shape: FrameShape, params: OnehotParams) -> FrameShape:
        """With the most columns that there can be."""
        bound = bound_after(shape, params.columns, 1.0)
        columns = _encoded_columns(shape, dict.fromkeys(params.columns, params.most))
        return replace(shape, columns=columns, bound=bound)

    def plan(self, context: PlanContext, params: OnehotParams) -> StepPlan:
        plan = super().plan(context, params)
        context.models[context.step] = OnehotFacts(params, dict.fromkeys(params.columns, params.most))
        owners = tuple(owner for owner in context.owners if owned(params.columns, owner))
        told = tuple(party for party in context.receiving("profile") if context.horizontal or party in owners)
        plan = replace(
            plan,
            reveals=(*plan.reveals, *_reveals(context, params, told)),
            results={"profile": told} if told else {},
        )
        if context.engine == "fl":
            return plan
        if context.engine != "mpc" or len(context.parties) == 1:
            return replace(plan, rounds=dict.fromkeys(context.everybody, 0))
        sent = {
            owner: {
                other: COUNT.itemsize * len(owned(params.columns, owner))
                for other in context.parties
                if other != owner
            }
            for owner in owners
        }
        hears = {party: int(any(party != owner for owner in owners)) for party in context.parties}
        rounds = {**dict.fromkeys(context.everybody, 0), **hears}
        return replace(plan, sent=sent, rounds=rounds, statement=STATEMENT)

    def learn(self, training: VerticalFrame, params: OnehotParams, context: RunContext) -> Encoder:
        if context.engine == "fl":
            return pooled_fit(context, training, params)
        owner, fewest = training.owner, context.planning.min_group
        return Encoder(
            columns={
                name: fit(name, training.column(owner, name), params, fewest)
                for name in owned(params.columns, owner)
            }
        )

    def transform(self, frame: VerticalFrame, params: OnehotParams, state: Encoder) -> VerticalFrame:
        owner = frame.owner
        counts = {f"{owner}.{name}": learnt.width for name, learnt in state.columns.items()}

        def columns() -> Iterator[tuple[str, pa.ChunkedArray]]:
            for name, learnt in state.columns.items():
                yield from encoded(name, frame.column(owner, name), learnt, params)

        features = _encoded_names(frame.columns[owner], owner, counts)
        return relaid(frame, features, columns(), tuple(state.columns))

    def after(
        self, context: RunContext, params: OnehotParams, states: Mapping[str, Encoder]
    ) -> Callable[[FrameShape], Mapping[str, tuple[str, ...]]]:
        for owner, state in states.items():
            context.tell("profile", _profile(owner, state, params).model_dump(mode="json"), to=(owner,))
        counts = told_counts(context, params, states)
        return lambda shape: _encoded_columns(shape, counts)

    def facts(self, context: RunContext) -> dict[str, int]:
        learnt: Learnt[Encoder] = context.models[context.step]
        assert isinstance(learnt.params, OnehotParams)
        columns = context.frames["all"].columns
        told = {}
        for number, place in enumerate(learnt.params.columns):
            owner, name = place_of(place)
            made = {f"{name}#{one + 1}" for one in range(learnt.params.most)}
            told[f"columns.{number}"] = len(made.intersection(columns[owner]))
        return told

    def apply_facts(self, context: PlanContext, facts: Mapping[str, int]) -> None:
        planned: OnehotFacts = context.models[context.step]
        params, facts = planned.params, told_alike(context, facts)
        counts = {place: facts[f"columns.{number}"] for number, place in enumerate(params.columns)}
        for place, count in counts.items():
            _check_count(place, count, params, context.step)
        context.models[context.step] = replace(planned, counts=counts)
        gone = {
            f"{place}#{number + 1}"
            for place in params.columns
            for number in range(counts[place], params.most)
        }
        for name, shape in context.frames.items():
            left = {
                owner: tuple(one for one in names if f"{owner}.{one}" not in gone)
                for owner, names in shape.columns.items()
            }
            context.frames[name] = replace(shape, columns=left)


def _encoded_names(names: tuple[str, ...], owner: str, counts: Mapping[str, int]) -> tuple[str, ...]:
    """One owner's features, with the new ones in the places of those that they are made of."""
    found: list[str] = []
    for name in names:
        count = counts.get(f"{owner}.{name}")
        found += [name] if count is None else [f"{name}#{number + 1}" for number in range(count)]
    return tuple(found)


def _encoded_columns(shape: FrameShape, counts: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    return {owner: _encoded_names(names, owner, counts) for owner, names in shape.columns.items()}


def told_counts(context: RunContext, params: OnehotParams, states: Mapping[str, Encoder]) -> dict[str, int]:
    """Number of columns that came of each, at whosever it is. Errors: CT-3123."""
    counts = {
        f"{owner}.{name}": learnt.width
        for owner, state in states.items()
        for name, learnt in state.columns.items()
    }
    others = [party for party in context.parties if party not in states]
    if EACH in states:  # they all know
        return counts
    if counts:
        own = np.array(list(counts.values()), COUNT).tobytes()
        for party in others:
            context.mesh.to(party).send_bytes(TAG, own)
    for party in others:
        if names := owned(params.columns, party):
            told = np.frombuffer(context.mesh.to(party).recv_bytes(TAG, COUNT.itemsize * len(names)), COUNT)
            for name, count in zip(names, told.tolist(), strict=True):
                _check_count(f"{party}.{name}", count, params, context.step)
                counts[f"{party}.{name}"] = count
    return counts


def _check_count(place: str, count: int, params: OnehotParams, step: str) -> None:
    if not 1 <= count <= params.most:
        raise COUNT_INVALID(f"{count} of '{place}'", party=place_of(place)[0], step=step)


def _reveals(context: PlanContext, params: OnehotParams, told: tuple[str, ...]) -> tuple[Reveal, ...]:
    reveals = []
    if context.everybody:
        what = "number of columns that come of each column of categories"
        reveals.append(Reveal(what, context.everybody, len(params.columns)))
    for party in told:
        count = len(owned(params.columns, EACH if context.horizontal else party)) * (params.most + 1)
        reveals.append(Reveal("which of its own categories each new column is", (party,), count, "profile"))
    return tuple(reveals)


def _profile(owner: str, state: Encoder, params: OnehotParams) -> OnehotProfile:
    return OnehotProfile(
        owner=owner,
        columns=tuple(_column(name, learnt, params) for name, learnt in state.columns.items()),
    )


def _column(name: str, learnt: Categories, params: OnehotParams) -> OnehotColumn:
    groups = [
        OnehotGroup(
            column=None if number < learnt.first else f"{name}#{number - learnt.first + 1}",
            categories=(category,),
            rows=rows,
        )
        for number, (category, rows) in enumerate(zip(learnt.known, learnt.rows, strict=False))
    ]
    if learnt.rows[-1] or params.other:
        last = f"{name}#{learnt.width}" if learnt.other else None
        groups.append(OnehotGroup(column=last, categories=None, rows=learnt.rows[-1]))
    return OnehotColumn(name=name, distinct=learnt.distinct, groups=tuple(groups))
