"""``minmax``: features brought to a range, such as 0 to 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.learn.chosen import shape_of
from coterie.learn.component import EACH, Engine, FrameShape, PlanContext, RunContext, Statement, Total
from coterie.learn.places import bound_after, check_numbers, check_places
from coterie.learn.transform import Transform, training_of

from .clear import Ranges, applied, fit
from .fl import pooled_fit, pooled_totals
from .params import MinmaxParams
from .statement import STATEMENT

__all__ = ["Minmax"]


class Minmax(Transform[MinmaxParams, Ranges]):
    """Moves and stretches features so that the training values lie between ``low`` and ``high``, each at its
    owner, and clips others to these.

    Learnt from "train", or from "all" where the rows are not split, and used in every frame. With ``clip``,
    later steps may rely on the range where every feature that is not in ``keep`` is within known bounds. In
    engine fl the range is that of all parties' rows, from the lowest group of rows to the highest.

    Errors: CT-3001 without aligned rows, CT-3025 for a feature that does not vary, CT-3027 for missing
    values, CT-3028, CT-3135 for a column that is not there, CT-1433 for text; in engine fl CT-3235.
    """

    name: ClassVar[str] = "minmax"
    summary: ClassVar[str] = "Bring features to a range, such as 0 to 1, each at its owner."
    Parameters: ClassVar = MinmaxParams
    State: ClassVar = Ranges
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    statement: ClassVar[Statement] = STATEMENT

    def check(self, context: PlanContext, params: MinmaxParams) -> None:
        check_places(context, params.columns or ())
        for owner, names in shape_of(context, "all").columns.items():
            check_numbers(context, [f"{owner}.{name}" for name in _scaled(names, owner, params)])

    def totals(self, context: PlanContext, params: MinmaxParams) -> Sequence[Total]:
        shape: FrameShape = training_of(context.frames)
        return pooled_totals(context, shape, len(_scaled(shape.columns[EACH], EACH, params)))

    def learn(self, training: VerticalFrame, params: MinmaxParams, context: RunContext) -> Ranges:
        own = _scaled(training.columns[training.owner], training.owner, params)
        if context.engine == "fl":
            return pooled_fit(context, training, own)
        return fit((name, training.matrix((name,))[:, 0]) for name in own)

    def transform(self, frame: VerticalFrame, params: MinmaxParams, state: Ranges) -> VerticalFrame:
        def columns() -> Iterator[tuple[str, NDArray[np.float64]]]:
            for name in _scaled(frame.columns[frame.owner], frame.owner, params):
                yield name, applied(name, frame.matrix((name,))[:, 0], state.columns[name], params)

        return frame.with_columns(columns())

    def shape(self, shape: FrameShape, params: MinmaxParams) -> FrameShape:
        done = {
            f"{owner}.{name}"
            for owner, names in shape.columns.items()
            for name in _scaled(names, owner, params)
        }
        new = max(abs(params.low), abs(params.high)) if params.clip else None
        return replace(shape, bound=bound_after(shape, done | set(params.keep), new))


def _scaled(names: tuple[str, ...], owner: str, params: MinmaxParams) -> tuple[str, ...]:
    wanted = None if params.columns is None else set(params.columns)
    places = ((name, f"{owner}.{name}") for name in names)
    return tuple(
        name for name, place in places if place not in params.keep and (wanted is None or place in wanted)
    )
