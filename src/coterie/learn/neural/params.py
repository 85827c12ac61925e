"""Parameters of a multilayer perceptron."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from coterie.learn.neural.fl.settings import FederatedParams
from coterie.learn.private import Privacy

__all__ = ["NetworkPrivacy", "NeuralParams"]

Units = Annotated[int, Field(ge=1, le=1024)]


class NetworkPrivacy(Privacy):
    """Differential privacy of each record, or of each party with all that it has."""

    unit: Literal["record", "party"] = "record"
    """Of a record, each of the ``rounds`` is one step by clipped gradients of single rows; of a party, a
    round is as without noise, and its whole change is clipped."""
    clip: float = Field(1.0, gt=0, le=1000, allow_inf_nan=False)
    """Norm that the gradient of a record, or the change of a party, is shortened to."""
    sampling: float = Field(1.0, gt=0, le=1, allow_inf_nan=False)
    """Of a record: its probability to be in a step. Only its owner knows whether it is."""


class NeuralParams(FederatedParams):
    """Minimises the mean loss plus ``alpha`` / (2 · rows of a batch) · Σw², as scikit-learn does."""

    kind: ClassVar[str] = "neural"

    hidden: tuple[Units, ...] = Field((32, 16), min_length=1, max_length=6)
    """Units of each hidden layer."""
    activation: Literal["relu", "tanh", "logistic"] = "relu"
    """Of the hidden layers."""
    epochs: int = Field(30, ge=1, le=10_000)
    """Passes over all training rows; in engine fl ``rounds`` of ``local_epochs`` take their place."""

    privacy: NetworkPrivacy | None = None
    """In engine fl: sums with noise, in place of exact ones. For labels of classes, without
    ``early_stopping``."""

    def sizes(self, width: int) -> tuple[int, ...]:
        """Units of every layer, from the features to the outputs."""
        return (width, *self.hidden, self.outputs)

    def numbers(self, width: int) -> int:
        """Weights and biases."""
        sizes = self.sizes(width)
        return sum((first + 1) * second for first, second in pairwise(sizes))
