"""Parameters of ``sample``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from coterie.data import ColumnName
from coterie.learn.choosing import LabelKind
from coterie.learn.chosen import FrameName, Place
from coterie.learn.component import Params

__all__ = ["SampleParams"]

OF_WEIGHTS = ("share", "column", "base")
OF_ROWS = ("fraction", "salt", "frame")
"""Parameters that only some of the methods have."""


class SampleParams(Params):
    """What a job may choose of ``sample``."""

    method: Literal["random", "stratified", "weights"] = "random"
    """``random`` and ``stratified`` leave some of the rows; ``weights`` leaves all, and gives the rows of one
    label value more weight than those of the other: over- and under-sampling that shows nobody a label."""
    fraction: float = Field(0.5, gt=0, lt=1)
    """Share of the rows that stay: expected of ``random``, exact in every group of ``stratified``."""
    by: Place | None = None
    """Of ``stratified``: the column, as ``party.column``, whose values make the groups. It may be the
    label."""
    salt: str = Field("", max_length=64)
    """Another text gives other rows."""
    frame: FrameName | None = None
    """The frame that is sampled, such as "train"; every frame if it is not given, or is "all"."""
    share: float = Field(0.5, gt=0, lt=1)
    """Of ``weights``: the weight of the training rows with label 1, of the weight of all."""
    column: ColumnName = "sample_weight"
    """Of ``weights``: name of the label holder's new column. It is no feature; ``glm`` takes it as
    ``weights``."""
    base: Place | None = None
    """Of ``weights``: a column of the label holder with row weights to start from. It is no feature then."""
    label: LabelKind = "binary"
    """Which labels are right: 0 and 1 only, or any numbers."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        foreign = OF_ROWS if self.method == "weights" else OF_WEIGHTS
        for name in foreign:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is not for method {self.method}")
        if (self.by is not None) != (self.method == "stratified"):
            raise ValueError("give 'by' with method 'stratified', and only then")
        if self.method == "weights" and self.label != "binary":
            raise ValueError("weights are by labels of 0 and 1")
        return self
