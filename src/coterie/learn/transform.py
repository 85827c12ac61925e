"""Steps that change each owner's columns by what they learnt from that owner's training rows alone.

Nothing is sent; but in engine fl, where one owner's rows are at several parties, they learn from sums over
all of these. What was learnt is kept by owner in ``context.models``, so that the same can be done to rows
that come later: see :class:`Learnt`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from coterie.data import VerticalFrame, table_needs
from coterie.errors import CoterieError
from coterie.learn.component import (
    Component,
    FrameShape,
    Params,
    PlanContext,
    RunContext,
    Statement,
    StepPlan,
    Total,
)
from coterie.learn.errors import FRAME_MISSING
from coterie.learn.private import PRIVATE
from coterie.learn.saving import Repeats
from coterie.learn.summed import SUMS, planned_sums

__all__ = ["Learnt", "Transform", "training_of"]

P = TypeVar("P", bound=Params)
S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True)
class Learnt(Generic[S]):
    """What a transform left in ``context.models``: all that doing it again takes."""

    component: str
    params: Params
    states: Mapping[str, S]
    """By owner, of the owners who are here. Private to each."""


class Transform(Component[P], Repeats, Generic[P, S]):
    """Base of local transforms. A subclass says what is learnt, and how rows are changed by it.

    Errors: CT-3001 without aligned rows, and those of :meth:`learn` and :meth:`transform`.
    """

    State: ClassVar[type[BaseModel]]
    """What is learnt of one owner's columns, as it is stored."""
    statement: ClassVar[Statement]
    needs_label: ClassVar[bool] = False

    @abstractmethod
    def learn(self, training: VerticalFrame, params: P, context: RunContext) -> S:
        """Learn from the training rows of one owner: ``training`` has that owner's columns alone.

        In engine fl these are the party's own rows, and what is learnt must be equal at all parties: it is
        made of the sums that :meth:`totals` has named.
        """

    @abstractmethod
    def transform(self, frame: VerticalFrame, params: P, state: S) -> VerticalFrame:
        """The frame, of that one owner's columns alone, with them changed. Its feature columns are then those
        of :meth:`shape`, in that order. Called for the training rows, too, and for rows of later jobs."""

    def shape_again(self, shape: FrameShape, params: P) -> FrameShape:
        return self.shape(shape, params)

    def kept_state(self, left: Any, owner: str) -> bytes:
        state: BaseModel = left.states[owner]
        return state.model_dump_json().encode()

    def again(self, frame: VerticalFrame, params: P, state: bytes) -> VerticalFrame:
        known: Any = self.State.model_validate_json(state)
        return self.transform(frame, params, known)

    def shape(self, shape: FrameShape, params: P) -> FrameShape:  # noqa: ARG002
        """The public facts of a frame after the step. By default they are what they were."""
        return shape

    def totals(self, context: PlanContext, params: P) -> Sequence[Total]:  # noqa: ARG002
        """The sums over all parties' rows that :meth:`learn` takes in engine fl. By default none: what is
        learnt follows from the parameters then. Called before frames change."""
        return ()

    def check(self, context: PlanContext, params: P) -> None:
        """Raise what is wrong with the parameters for these columns, before anything runs."""

    def plan(self, context: PlanContext, params: P) -> StepPlan:
        if "all" not in context.frames:
            raise FRAME_MISSING("'all'", step=context.step)
        self.check(context, params)
        totals = self.totals(context, params) if context.engine == "fl" else ()
        for name, shape in context.frames.items():
            after = self.shape(shape, params)
            context.frames[name] = replace(after, texts=after.texts & after.places)
        rows = context.frames["all"].rows
        memory, disk = table_needs(rows, context.widest * len(context.frames))
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            memory=memory + 6 * 8 * rows,
            disk=disk,
            statement=_rests_on(totals) if totals else self.statement,
            private=bool(totals) and all(one.noise is not None for one in totals),
            **(planned_sums(context, totals, at_most=any(one.fewer for one in totals)) if totals else {}),
        )

    def run(self, context: RunContext, params: P) -> None:
        if not context.computes:
            return
        states: dict[str, S] = {}
        for owner in context.mine:
            try:
                states[owner] = self.learn(training_of(context.frames).part(owner), params, context)
                for name, frame in context.frames.items():
                    changed = self.transform(frame.part(owner), params, states[owner])
                    context.frames[name] = frame.with_part(changed)
            except CoterieError as error:
                party = context.me if context.engine == "fl" else owner
                raise error.at(party=party, step=context.step) from None
        after = self.after(context, params, states)
        for name, frame in context.frames.items():
            context.frames[name] = frame.with_columns_of(after(context.planning.frames[name]))
        context.models[context.step] = Learnt(self.name, params, states)

    def after(
        self,
        context: RunContext,  # noqa: ARG002
        params: P,
        states: Mapping[str, S],  # noqa: ARG002
    ) -> Callable[[FrameShape], Mapping[str, tuple[str, ...]]]:
        """Feature columns of all parties after the step, of a frame as it was before. By default those of
        :meth:`shape`; another where only the run can tell how many there are."""
        return lambda shape: self.shape(shape, params).columns


def _rests_on(totals: Sequence[Total]) -> Statement:
    return PRIVATE if all(one.noise is not None for one in totals) else SUMS


def training_of(frames: Mapping[str, Any]) -> Any:
    """Of frames or their shapes: "train", or "all" where the rows are not split."""
    return frames.get("train", frames.get("all"))
