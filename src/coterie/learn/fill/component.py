"""``fill``: put a value where there is none."""

from __future__ import annotations

from typing import ClassVar

from coterie.data import VerticalFrame
from coterie.learn.component import Engine, RunContext, Statement
from coterie.learn.transform import Transform

from .clear import Filler, fit
from .params import FillParams
from .statement import STATEMENT

__all__ = ["Fill"]


class Fill(Transform[FillParams, Filler]):
    """Fills the missing values of every feature, each as its owner's own columns say.

    The values are learnt from "train", or from "all" where the rows are not split, and used in every frame.

    Errors: CT-3001 without aligned rows, CT-3020 for a column without any training value, CT-3021 for a
    constant of the wrong type, CT-3028.
    """

    name: ClassVar[str] = "fill"
    summary: ClassVar[str] = (
        "Fill missing values, each column at its owner, as learnt from the training rows."
    )
    Parameters: ClassVar = FillParams
    State: ClassVar = Filler
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})
    statement: ClassVar[Statement] = STATEMENT

    def learn(self, training: VerticalFrame, params: FillParams, context: RunContext) -> Filler:  # noqa: ARG002
        return fit(training.table, training.columns[training.owner], params)

    def transform(self, frame: VerticalFrame, params: FillParams, state: Filler) -> VerticalFrame:  # noqa: ARG002
        return frame.replaced(state.filled(frame.table))
