"""Parameters of ``derive``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from coterie.learn.chosen import Place
from coterie.learn.component import Params

__all__ = ["DeriveParams", "ExpressionText"]

ExpressionText = Annotated[str, StringConstraints(min_length=1, max_length=2000)]


class DeriveParams(Params):
    """What a job may choose of ``derive``."""

    columns: dict[Place, ExpressionText] = Field(min_length=1, max_length=200)
    """New column, as ``party.column``, and what it is computed of: that party's own columns."""
    undefined: Literal["error", "missing"] = "error"
    """What to do where all columns of an expression have a value and the result has none, as after a division
    by 0: end the job, or leave it missing."""
    drop: tuple[Place, ...] = Field((), max_length=1000)
    """Columns, as ``party.column``, that are left out afterwards."""
