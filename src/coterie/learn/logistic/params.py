"""Parameters of logistic regression."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from coterie.learn.component import Params
from coterie.learn.linear import Floats, sigmoid
from coterie.learn.private import Privacy

__all__ = ["LogisticParams", "RecordPrivacy"]


class RecordPrivacy(Privacy):
    """Differential privacy of each record."""

    clip: float = Field(2.0, gt=0, le=1000, allow_inf_nan=False)
    """Norm that the gradient of a record is shortened to. Of features in standard deviations it is about the
    root of their number, times how far the prediction is off."""
    sampling: float = Field(1.0, gt=0, le=1, allow_inf_nan=False)
    """The probability of each record to be in a pass. Only its owner knows whether it is."""


class LogisticParams(Params):
    """Minimises mean log-loss + l2/2 · |w|^2 over the training rows; the intercept is not penalised.

    scikit-learn's ``LogisticRegression(C=1 / (rows * l2))`` has the same minimum.
    """

    kind: ClassVar[str] = "logistic"
    offset: ClassVar[None] = None
    apart: ClassVar[tuple[str, ...]] = ()
    classifies: ClassVar[bool] = True

    l2: float = Field(1e-3, ge=0, le=10)
    """Weight of the penalty."""
    passes: int = Field(30, ge=1, le=1000)
    """Passes over all training rows. 30 of "nesterov" come within 1e-4 of the best AUC on credit data."""
    optimizer: Literal["nesterov", "gradient_descent"] = "nesterov"
    """"nesterov" takes accelerated steps among features that each owner has decorrelated for itself;
    "gradient_descent" takes plain steps among the features as they are."""
    learning_rate: float | None = Field(None, ge=1e-6, le=100)
    """Step of "gradient_descent"; None for 4 / (features + 1 + 4 l2), which never overshoots. With
    ``privacy`` of "nesterov" too: None for 0.4 / (1 + 4 l2), which is for features that are not all alike."""
    max_logit: Literal[10, 20] = 10
    """Largest logit that training may meet; 20 costs twice the bytes. A run in which a row leaves the range
    by two
    fifths fails with CT-2108, at whatever pass that happens."""
    intercept: bool = True
    privacy: RecordPrivacy | None = None
    """In engine fl: sums of clipped gradients with noise, ``passes`` of them, in place of exact ones."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.learning_rate is not None:
            if self.optimizer != "gradient_descent" and self.privacy is None:
                raise ValueError("learning_rate is for gradient_descent; nesterov knows its step")
            if self.learning_rate * self.l2 >= 1:
                raise ValueError("learning_rate times l2 must be below 1, or the penalty overshoots")
        return self

    def response(self, predictor: Floats) -> Floats:
        """Probability of label 1, by logit."""
        return sigmoid(predictor)
