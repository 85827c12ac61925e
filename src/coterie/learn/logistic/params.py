"""Parameters of logistic regression."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coterie.learn.component import Params

__all__ = ["LogisticParams", "MaxLogit"]

MaxLogit = Literal[8, 16, 32]


class LogisticParams(Params):
    """What a job may choose."""

    l2: float = Field(
        default=1e-3,
        ge=0,
        le=100,
        description="Weight of half the squared coefficients beside the mean log loss.",
    )
    passes: int = Field(default=40, ge=1, le=1000, description="Passes over the training rows.")
    optimizer: Literal["nesterov", "gradient_descent"] = Field(
        default="nesterov",
        description="nesterov is preconditioned and accelerated; gradient_descent is for comparison.",
    )
    learning_rate: float = Field(
        default=1.0, gt=0, le=4, description="Of gradient_descent; nesterov derives its own."
    )
    max_logit: MaxLogit = Field(
        default=16, description="Logits of training rows must lie within plus or minus this."
    )
