"""``derive``: new columns, computed of one party's own."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from coterie.data import VerticalFrame
from coterie.learn.chosen import place_of, shape_of
from coterie.learn.component import Engine, FrameShape, PlanContext, RunContext, Statement
from coterie.learn.errors import COLUMN_NOT_THERE
from coterie.learn.expression import parsed
from coterie.learn.places import NothingLearnt, check_new, check_places, names_of, owned, relaid
from coterie.learn.transform import Transform

from .clear import derived
from .params import DeriveParams
from .statement import STATEMENT

__all__ = ["Derive"]


class Derive(Transform[DeriveParams, NothingLearnt]):
    """Appends to a party's features what safe expressions make of its columns, in every frame.

    New columns come in the order of their names. An expression sees the columns that were there before the
    step, and never the label.

    Errors: CT-3001 without aligned rows, CT-3115 for a new column that is there already, CT-3116 for an
    expression that cannot be read, CT-3117 for one that does not fit its columns, CT-3118 where a result is
    missing, CT-3135 for a column that is not there.
    """

    name: ClassVar[str] = "derive"
    summary: ClassVar[str] = "Compute new columns of one party's own columns, by safe expressions."
    Parameters: ClassVar = DeriveParams
    State: ClassVar = NothingLearnt
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    statement: ClassVar[Statement] = STATEMENT

    def check(self, context: PlanContext, params: DeriveParams) -> None:
        shape = shape_of(context, "all")
        check_places(context, params.drop)
        check_new(context, sorted(params.columns), params.drop)
        for place, text in sorted(params.columns.items()):
            owner, name = place_of(place)
            for used in sorted(parsed(text, f"'{name}'").names - set(names_of(shape, owner))):
                raise COLUMN_NOT_THERE(f"'{owner}.{used}', in the expression of '{name}'", step=context.step)

    def learn(
        self,
        training: VerticalFrame,  # noqa: ARG002
        params: DeriveParams,  # noqa: ARG002
        context: RunContext,  # noqa: ARG002
    ) -> NothingLearnt:
        return NothingLearnt()

    def transform(self, frame: VerticalFrame, params: DeriveParams, state: NothingLearnt) -> VerticalFrame:  # noqa: ARG002
        owner = frame.owner
        made = {name: params.columns[f"{owner}.{name}"] for name in owned(sorted(params.columns), owner)}
        new = derived(frame.table, made, strict=params.undefined == "error")
        features = _features(frame.columns[owner], owner, params)
        return relaid(frame, features, new, owned(params.drop, owner))

    def shape(self, shape: FrameShape, params: DeriveParams) -> FrameShape:
        columns = {owner: _features(names, owner, params) for owner, names in shape.columns.items()}
        return replace(shape, columns=columns, bound=None, texts=shape.texts - frozenset(params.columns))


def _features(names: tuple[str, ...], owner: str, params: DeriveParams) -> tuple[str, ...]:
    gone = owned(params.drop, owner)
    kept = tuple(name for name in names if name not in gone)
    return (*kept, *owned(sorted(params.columns), owner))
