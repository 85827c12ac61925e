"""Parameters of ``select``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from coterie.learn.chosen import Place
from coterie.learn.component import Params

__all__ = ["SelectParams"]

CRITERIA = ("min_iv", "max_iv", "max_missing", "max_correlation", "max_vif", "stepwise", "most")


class SelectParams(Params):
    """What a job may choose of ``select``: criteria are applied in this order, each to what is left."""

    drop: tuple[Place, ...] = Field((), max_length=10_000)
    """Features that go, whatever they are like."""
    keep: tuple[Place, ...] = Field((), max_length=10_000)
    """Features that stay, whatever they are like."""
    bins: str | None = Field(None, max_length=64)
    """Name of the step that told information values; the last one that makes bins if it is not given."""
    min_iv: float | None = Field(None, ge=0, le=100)
    """Least information value: below 0.02 a feature is commonly taken for useless."""
    max_iv: float | None = Field(None, gt=0, le=1000)
    """Largest one: above 0.5 a feature is commonly asked whether it knows the label."""
    max_missing: float | None = Field(None, ge=0, le=1)
    """Largest share of missing values, as ``bin`` met them, or as they are where it has no bins of it."""
    max_correlation: float | None = Field(None, gt=0, lt=1)
    """Largest magnitude of two features' correlation. The one of lower information value goes; without any,
    the later one."""
    max_vif: float | None = Field(None, ge=1, le=1000)
    """Largest variance inflation factor. The feature with the largest goes, one at a time."""
    stepwise: Literal["forward", "backward", "both"] | None = None
    """Logistic regression on fewer features: beginning with none, with all, or with none and looking back
    after each step."""
    criterion: Literal["p", "aic"] = "p"
    """Of ``stepwise``: p-values of Wald tests, or Akaike's criterion."""
    p_enter: float = Field(0.05, gt=0, lt=1)
    """Largest p-value with which a feature enters."""
    p_remove: float = Field(0.05, gt=0, lt=1)
    """Largest p-value with which it stays."""
    iterations: int = Field(8, ge=4, le=100)
    """Of the one training that ``stepwise`` takes."""
    most: int | None = Field(None, ge=1, le=10_000)
    """How many features may be left: those of the largest Wald statistics after ``stepwise``, else of the
    largest information values."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if both := sorted({*self.keep} & {*self.drop}):
            raise ValueError(f"'{both[0]}' is under 'keep' and under 'drop'")
        if not self.drop and all(getattr(self, name) is None for name in CRITERIA):
            raise ValueError(f"give a criterion: one of 'drop', {', '.join(map(repr, CRITERIA))}")
        if self.min_iv is not None and self.max_iv is not None and self.max_iv <= self.min_iv:
            raise ValueError("'max_iv' must be above 'min_iv'")
        if self.stepwise == "both" and self.criterion == "p" and self.p_remove < self.p_enter:
            raise ValueError("'p_remove' must not be below 'p_enter', or a feature would come and go")
        return self

    @property
    def needs_iv(self) -> bool:
        """Whether every feature must have an information value."""
        by_value = self.most is not None and self.stepwise is None
        return self.min_iv is not None or self.max_iv is not None or by_value

    @property
    def needs_correlations(self) -> bool:
        return self.max_correlation is not None or self.max_vif is not None
