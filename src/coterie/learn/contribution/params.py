"""Parameters of ``contribution``."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from coterie.learn.component import Params

__all__ = ["ContributionParams", "Measure"]

Measure = Literal["loss", "auc"]
RETRAINING = ("measure", "shapley", "permutations", "tolerance", "seed", "resolution")


class ContributionParams(Params):
    """What a job may choose of ``contribution``."""

    model: str | None = Field(None, max_length=64)
    """Name of the step that trained the model; the last one if it is not given."""
    frame: Literal["test", "train", "all"] = "test"
    """Rows, of all parties, on which contributions are measured."""
    method: Literal["in_run", "retrain"] = "in_run"
    """Parts of the training as it went, or other trainings without some of the parties. The latter tell all
    parties sums over the rows of each party alone."""
    tell: Literal["all", "own"] = "all"
    """Of "in_run": whether all parties learn the contribution of each, or each its own."""
    measure: Measure = "loss"
    """Of "retrain": log-loss or deviance, or AUC."""
    shapley: bool = True
    """Of "retrain": Shapley values beside leaving each party out, which costs more trainings."""
    permutations: int = Field(32, ge=2, le=1000)
    """Of "retrain": orders of the parties that are drawn where there are too many groups for all of them."""
    tolerance: float = Field(0.0, ge=0, le=1)
    """Of "retrain": parties that come later in an order add nothing where the measure is that near to that of
    all parties."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Of the orders."""
    resolution: int = Field(1 << 12, ge=1 << 8, le=1 << 16)
    """Of "auc": bins in which scores are counted."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        chosen = [name for name in RETRAINING if getattr(self, name) != type(self).model_fields[name].default]
        if self.method == "in_run" and chosen:
            raise ValueError(f"{chosen[0]} is of the method retrain")
        if self.measure == "auc" and self.shapley:
            raise ValueError("measure: auc is for leaving out alone: set shapley: false")
        if self.method == "retrain" and self.tell == "own":
            raise ValueError("tell: own is of the method in_run: others' trainings are known to all")
        return self
