"""Parameters of boosted trees."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from coterie.learn.component import Params
from coterie.learn.linear import place_of

__all__ = ["BoostingParams", "Objective"]

Objective = Literal["binary", "squared_error", "poisson", "gamma", "tweedie"]
Place = Annotated[str, StringConstraints(min_length=3, max_length=192, pattern=r"^[^.]+\..+$")]
"""``party.column``."""

OBJECTIVES: dict[Objective, str] = {
    "binary": "binary:logistic",
    "squared_error": "reg:squarederror",
    "poisson": "count:poisson",
    "gamma": "reg:gamma",
    "tweedie": "reg:tweedie",
}
"""XGBoost's names."""


class BoostingParams(Params):
    """Parameters of the same meaning have XGBoost's names and defaults."""

    kind: ClassVar[str] = "boosting"

    objective: Objective = "binary"
    """What the label is: 0 and 1, any number, counts, positive amounts, amounts many of which are 0."""
    tweedie_power: float = Field(1.5, ge=1.05, le=1.95)
    """Of "tweedie": the variance is the mean to this power."""
    rounds: int = Field(100, ge=1, le=10_000)
    """Trees, one after another."""
    max_depth: int = Field(6, ge=1, le=16)
    learning_rate: float = Field(0.3, ge=1e-4, le=1)
    """Share of each tree's own leaves that counts."""
    subsample: float = Field(1.0, gt=0, le=1)
    """Share of the rows that each tree sees."""
    colsample: float = Field(1.0, gt=0, le=1)
    """Share of the columns that each tree sees."""
    min_child_weight: float = Field(1.0, ge=0, le=1e9)
    """Least sum of second derivatives in a leaf."""
    reg_lambda: float = Field(1.0, ge=0, le=1e6)
    """Penalty of squared leaves."""
    reg_alpha: float = Field(0.0, ge=0, le=1e6)
    """Penalty of leaves' magnitudes."""
    gamma: float = Field(0.0, ge=0, le=1e6)
    """Least gain of a split."""
    max_bins: int = Field(256, ge=2, le=4096)
    """Bins of a column's values, between which splits are sought."""
    scale_pos_weight: float = Field(1.0, gt=0, le=1e6)
    """Of "binary": weight of rows with label 1. Scores are then no probabilities of the rows as they are."""
    monotone: dict[Place, Literal[-1, 1]] = Field({}, max_length=10_000)
    """Columns with which the score may only rise (1) or only fall (-1), others being equal."""
    categorical: tuple[Place, ...] = Field((), max_length=10_000)
    """Columns whose values are names and have no order: all of text, and numbers that are codes."""
    max_categories: int = Field(1000, ge=2, le=65_536)
    """Most different values that such a column may have."""
    early_stopping: int | None = Field(None, ge=1, le=1000)
    """Rounds without an improvement on rows held back, after which training ends at its best round; None for
    all rounds on all rows."""
    validation: float = Field(0.2, gt=0, lt=1)
    """Share of the training rows that are held back where ``early_stopping`` is given."""
    metric: Literal["loss", "auc"] = "loss"
    """Of the rows held back: the objective's own loss, or the AUC ("binary" only)."""
    shap_rows: int = Field(1000, ge=0, le=1_000_000)
    """Training rows over which ``importance`` has the mean share of each feature in the score; 0 for none."""
    shap: Literal["train", "test", "all"] | None = None
    """Frame for whose rows the shares of each feature in the score are given out (result ``shap``)."""
    seed: int = Field(0, ge=0, lt=2**31)
    threads: int | None = Field(None, ge=1, le=256)
    """None for all cores. The same rows, seed and threads give the same model to the bit."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.tweedie_power != 1.5 and self.objective != "tweedie":
            raise ValueError("tweedie_power is for the objective tweedie")
        if self.scale_pos_weight != 1 and self.objective != "binary":
            raise ValueError("scale_pos_weight is for the objective binary")
        if self.metric == "auc" and self.objective != "binary":
            raise ValueError("the metric auc is for the objective binary")
        if len(set(self.categorical)) != len(self.categorical):
            raise ValueError("a categorical column is named twice")
        if both := sorted(set(self.categorical) & set(self.monotone)):
            raise ValueError(f"'{both[0]}' cannot be categorical and monotone: categories have no order")
        return self

    @property
    def classifies(self) -> bool:
        """Whether a score is the probability of label 1."""
        return self.objective == "binary"

    @property
    def named(self) -> tuple[str, ...]:
        """Columns that parameters name, as ``party.column``."""
        return (*self.categorical, *self.monotone)

    @property
    def largest_tree(self) -> int:
        """Nodes."""
        return int(2 ** (self.max_depth + 1) - 1)

    def of_party(self, party: str) -> BoostingParams:
        """The same for that party's columns alone, explained to nobody."""
        return self.model_copy(
            update={
                "shap": None,
                "categorical": tuple(one for one in self.categorical if place_of(one)[0] == party),
                "monotone": {one: sign for one, sign in self.monotone.items() if place_of(one)[0] == party},
            }
        )

    @property
    def library_metric(self) -> str:
        """XGBoost's name of what is measured while training goes on."""
        if self.metric == "auc":
            return "auc"
        return {
            "binary": "logloss",
            "squared_error": "rmse",
            "poisson": "poisson-nloglik",
            "gamma": "gamma-deviance",
            "tweedie": f"tweedie-nloglik@{self.tweedie_power:g}",
        }[self.objective]

    def library(self, places: tuple[tuple[str, str], ...], threads: int) -> dict[str, Any]:
        """As XGBoost's ``train`` takes them. :param places: owner and column of each feature."""
        given: dict[str, Any] = {
            "booster": "gbtree",
            "device": "cpu",
            "tree_method": "hist",
            "objective": OBJECTIVES[self.objective],
            "eval_metric": self.library_metric,
            "max_depth": self.max_depth,
            "learning_rate": self.learning_rate,
            "subsample": self.subsample,
            "colsample_bytree": self.colsample,
            "min_child_weight": self.min_child_weight,
            "reg_lambda": self.reg_lambda,
            "reg_alpha": self.reg_alpha,
            "gamma": self.gamma,
            "max_bin": self.max_bins,
            "seed": self.seed,
            "nthread": threads,
            "verbosity": 0,
        }
        if self.objective == "binary":
            given["scale_pos_weight"] = self.scale_pos_weight
        if self.objective == "tweedie":
            given["tweedie_variance_power"] = self.tweedie_power
        if self.monotone:
            signs = [self.monotone.get(f"{owner}.{name}", 0) for owner, name in places]
            given["monotone_constraints"] = f"({','.join(map(str, signs))})"
        return given
