"""What scoring and storing must know of a model's parameters, whatever trained it."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "LinearParams", "sigmoid"]

Floats: TypeAlias = NDArray[np.float64]


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)))


class LinearParams(Protocol):
    """Parameters of a training whose result is linear in the features."""

    @property
    def kind(self) -> str:
        """Of model: the component's name."""

    @property
    def intercept(self) -> bool:
        """Whether there is one."""

    @property
    def offset(self) -> str | None:
        """The column that is added to the predictor, as ``party.column``."""

    @property
    def apart(self) -> tuple[str, ...]:
        """Columns that training reads and that are no features, as ``party.column``."""

    @property
    def classifies(self) -> bool:
        """Whether a score is the probability of label 1."""

    def response(self, predictor: Floats) -> Floats:
        """Scores: what the model expects of the label where the predictor has these values."""

    def model_dump(self, *, mode: str = "python") -> dict[str, Any]:
        """As a document."""
