"""``cast``: columns of another type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from coterie.data import VerticalFrame
from coterie.learn.component import Engine, FrameShape, PlanContext, RunContext, Statement
from coterie.learn.places import NothingLearnt, check_new, check_places, owned, relaid
from coterie.learn.transform import Transform

from .clear import cast
from .errors import NOT_CASTABLE
from .params import CastParams, DateCast
from .statement import STATEMENT

__all__ = ["Cast"]


class Cast(Transform[CastParams, NothingLearnt]):
    """Changes the types of features in every frame, each at its owner. Dates become numbers.

    Errors: CT-3001 without aligned rows, CT-3115 for a column of a date's parts that is there already,
    CT-3119 for values that cannot be read so, CT-3135 for a column that is not there.
    """

    name: ClassVar[str] = "cast"
    summary: ClassVar[str] = "Change the types of columns; dates become days, years, months, ages."
    Parameters: ClassVar = CastParams
    State: ClassVar = NothingLearnt
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    statement: ClassVar[Statement] = STATEMENT

    def check(self, context: PlanContext, params: CastParams) -> None:
        check_places(context, params.columns)
        new = [name for place in sorted(params.columns) for name in _names(place, params)]
        check_new(context, new, params.columns)

    def learn(
        self,
        training: VerticalFrame,  # noqa: ARG002
        params: CastParams,  # noqa: ARG002
        context: RunContext,  # noqa: ARG002
    ) -> NothingLearnt:
        return NothingLearnt()

    def transform(self, frame: VerticalFrame, params: CastParams, state: NothingLearnt) -> VerticalFrame:  # noqa: ARG002
        owner = frame.owner
        own = owned(sorted(params.columns), owner)

        def columns() -> Iterator[tuple[str, pa.ChunkedArray]]:
            for name in own:
                given = frame.column(owner, name)
                for new, column in cast(name, given, params.columns[f"{owner}.{name}"]):
                    lost = pc.sum(pc.and_(pc.is_valid(given), pc.is_null(column))).as_py() or 0
                    if lost and params.invalid == "error":  # how often is not told: errors go to all parties
                        raise NOT_CASTABLE(f"'{name}'")
                    yield new, column

        return relaid(frame, _features(frame.columns[owner], owner, params), columns(), own)

    def shape(self, shape: FrameShape, params: CastParams) -> FrameShape:
        columns = {owner: _features(names, owner, params) for owner, names in shape.columns.items()}
        return replace(shape, columns=columns, bound=None, texts=shape.texts - frozenset(params.columns))


def _names(place: str, params: CastParams) -> tuple[str, ...]:
    """Columns that come in place of one, as ``party.column``."""
    target = params.columns[place]
    return target.names(place) if isinstance(target, DateCast) else (place,)


def _features(names: tuple[str, ...], owner: str, params: CastParams) -> tuple[str, ...]:
    """In the places of those that they are made of."""
    found: list[str] = []
    for name in names:
        place = f"{owner}.{name}"
        new = _names(place, params) if place in params.columns else (place,)
        found += [one.removeprefix(f"{owner}.") for one in new]
    return tuple(found)
