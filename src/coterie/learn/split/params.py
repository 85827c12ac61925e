"""Parameters of ``split``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from coterie.learn.choosing import LabelKind
from coterie.learn.chosen import Place
from coterie.learn.component import Params

__all__ = ["SplitParams"]


class SplitParams(Params):
    """What a job may choose of ``split``."""

    test: float = Field(0.3, gt=0, lt=1)
    """Expected share of the rows that are kept for the test; exact with ``stratified``, and with ``time`` at
    least this share."""
    salt: str = Field("", max_length=64)
    """Another text gives another split of the same rows."""
    label: LabelKind = "binary"
    """Which labels are right: 0 and 1 only, or any numbers."""
    method: Literal["random", "stratified", "time"] = "random"
    """``stratified`` keeps the same share of every group of ``by`` for the test, ``time`` the latest rows."""
    by: Place | None = None
    """Of ``stratified`` and ``time``: a column, as ``party.column``. The groups may be those of the label."""
    since: Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=64)] | None = None
    """Of ``time``: rows from this value on are for the test, whatever ``test`` is: a number, or of a column
    of texts an ISO date or time."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.by is not None) != (self.method != "random"):
            raise ValueError("give 'by' with method 'stratified' or 'time', and only then")
        if self.since is not None and self.method != "time":
            raise ValueError("since is for method time")
        return self
