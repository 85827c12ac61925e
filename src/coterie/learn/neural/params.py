"""Parameters of a multilayer perceptron."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from coterie.learn.component import Params

__all__ = ["NeuralParams"]

Units = Annotated[int, Field(ge=1, le=1024)]


class NeuralParams(Params):
    """Minimises the mean loss plus ``alpha`` / (2 · rows of a batch) · Σw², as scikit-learn does."""

    kind: ClassVar[str] = "neural"

    task: Literal["binary", "regression"] = "binary"
    """What the label is: 0 and 1, or any number."""
    hidden: tuple[Units, ...] = Field((32, 16), min_length=1, max_length=6)
    """Units of each hidden layer."""
    activation: Literal["relu", "tanh", "logistic"] = "relu"
    """Of the hidden layers."""
    alpha: float = Field(1e-4, ge=0, le=1e4)
    """Penalty of squared weights."""
    batch_rows: int = Field(256, ge=1, le=1 << 20)
    """Rows of a step, at most."""
    learning_rate: float = Field(1e-3, ge=1e-6, le=1)
    """Step of Adam [Kingma, Ba, arXiv:1412.6980]."""
    epochs: int = Field(30, ge=1, le=10_000)
    """Passes over all training rows."""
    early_stopping: int | None = Field(5, ge=1, le=1000)
    """Epochs without an improvement on rows held back, after which training ends with the weights of its best
    epoch; None for all epochs on all rows."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training rows that are held back where ``early_stopping`` is given."""
    seed: int = Field(0, ge=0, lt=2**31)
    threads: int = Field(1, ge=1, le=256)
    """Of matrix products. With few units one is as fast as many; the same number gives the same model to the
    bit on processors of one kind."""

    @property
    def classifies(self) -> bool:
        """Whether a score is the probability of label 1."""
        return self.task == "binary"

    def sizes(self, width: int) -> tuple[int, ...]:
        """Units of every layer, from the features to the one output."""
        return (width, *self.hidden, 1)

    def numbers(self, width: int) -> int:
        """Weights and biases."""
        sizes = self.sizes(width)
        return sum((first + 1) * second for first, second in pairwise(sizes))
