"""Parameters of ``compare``."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from coterie.learn.chosen import Place
from coterie.learn.component import Params

from .record import CUT_OFFS, TARGETS

__all__ = ["CompareParams"]

Share = Annotated[float, Field(gt=0, lt=1)]


class CompareParams(Params):
    """What a job may choose of ``compare``."""

    model: str | None = Field(None, max_length=64)
    """Name of the step that made the model; the last one if it is not given."""
    against: str | None = Field(None, max_length=64)
    """Name of the step that made the model it is held against; if it is not given, the model that the label
    holder trains on its own columns alone."""
    frame: Literal["test", "train", "all"] = "test"
    cut_offs: tuple[Share, ...] = Field((0.05, 0.1, 0.2), min_length=1, max_length=CUT_OFFS)
    """Probabilities between classes of risk, for reclassification."""
    approval: Share = 0.7
    """Share of rows that either score approves, for the swap set."""
    approvals: tuple[Share, ...] = Field((0.5, 0.6, 0.7, 0.8, 0.9), max_length=TARGETS)
    """Approval rates at which bad rates and losses are compared."""
    bad_rates: tuple[Share, ...] = Field((0.01, 0.02, 0.03, 0.05), max_length=TARGETS)
    """Rates of bad rows among the approved at which approval is compared."""
    exposure: Place | None = None
    """A column of the label holder: what is at stake in each row."""
    amount: float = Field(1.0, gt=0, le=1e12)
    """What is at stake in every row, where no column says it."""
    loss_given_default: float = Field(1.0, gt=0, le=1)
    """Share of the exposure of a row with 1 that is lost."""
    margin: float = Field(0.0, ge=0, le=10)
    """Income from a row with 0, as a share of its exposure."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(low >= high for low, high in pairwise(self.cut_offs)):
            raise ValueError("cut_offs ascend")
        if self.exposure is not None and self.amount != 1.0:
            raise ValueError("exposure and amount say the same")
        if self.against is not None and self.against == self.model:
            raise ValueError("model and against are different models")
        return self
