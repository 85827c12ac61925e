"""Parameters of ``naive_bayes``."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from coterie.learn.chosen import Place, place_of
from coterie.learn.component import Params

__all__ = ["NaiveBayesParams"]


class NaiveBayesParams(Params):
    """What a job may choose of ``naive_bayes``."""

    kind: ClassVar[str] = "naive_bayes"

    classes: int | None = Field(None, ge=3, le=100)
    """How many values the label has, 0 to one less; None for a label of 0 and 1."""
    categorical: tuple[Place, ...] = Field((), max_length=2000)
    """Columns of whole numbers or of true and false that are categories, as ``party.column``; texts are in
    any case. All others are numbers of a normal distribution for each label value."""
    categories: int = Field(50, ge=1, le=1000)
    """Of a column, the most frequent ones; all others count together."""
    alpha: float = Field(1.0, gt=0, le=1e4)
    """Rows that each category is taken to have beside its own (Laplace, Lidstone)."""
    smoothing: float = Field(1e-9, ge=0, le=1)
    """Share of the largest variance of a number that is added to all variances."""
    prior: float | None = Field(None, gt=0, lt=1)
    """Probability of label 1 before anything is known of a row; None for its share of the training rows."""

    @property
    def classifies(self) -> bool:
        """Whether a score is the probability of label 1."""
        return self.classes is None

    @property
    def values(self) -> int:
        """Of the label."""
        return self.classes or 2

    @model_validator(mode="after")
    def _of_two(self) -> Self:
        if self.prior is not None and self.classes is not None:
            raise ValueError("'prior' is of labels 0 and 1")
        return self

    def of_party(self, party: str) -> NaiveBayesParams:
        """The same for a training on one party's columns."""
        own = tuple(one for one in self.categorical if place_of(one)[0] == party)
        return self.model_copy(update={"categorical": own})
