"""Training at one party: what a round does with the party's own rows, behind an interface without torch.

A trainer is a pure function of what it is given, so that it can run elsewhere: in another process, or in a
sandbox, where its code is somebody else's. What it gives is not believed: see ``rounds.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arrays", "Floats", "Layout", "Local", "Rows", "Singles", "Task", "Tensor", "Trained", "Trainer"]

Task: TypeAlias = Literal["binary", "classes", "regression"]
Singles: TypeAlias = NDArray[np.float32]
Floats: TypeAlias = NDArray[np.float64]
Arrays: TypeAlias = list[Singles]
"""Parameters of a network, in the order of its layout."""


@dataclass(frozen=True)
class Tensor:
    """One array of parameters."""

    name: str
    shape: tuple[int, ...]
    layer: int
    """Number of the layer that it belongs to, from the first. What stays at home are the last layers."""

    @property
    def size(self) -> int:
        """How many numbers."""
        return prod(self.shape)


Layout: TypeAlias = tuple[Tensor, ...]


@dataclass(frozen=True)
class Rows:
    """Rows of one party."""

    features: Singles
    """(rows, width)"""
    label: Singles
    """(rows,): 0 and 1; of "classes" whole numbers from 0; of "regression" on its scale."""

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class Local:
    """What is public of the training of one round."""

    task: Task
    outputs: int
    """Of the network: the number of classes, or 1."""
    optimizer: Literal["adam", "sgd"]
    """Its moments begin anew in every round."""
    momentum: float
    learning_rate: float
    """Of this round."""
    alpha: float
    batch_rows: int
    epochs: int
    mu: float
    """Weight of FedProx's term: mu / 2 times the squared distance from the weights of the round's start."""
    threads: int


@dataclass(frozen=True)
class Trained:
    """What a training leaves."""

    weights: Arrays
    loss: float
    """Mean of the last epoch's losses, as its batches met them, without the terms of ``alpha`` and ``mu``."""
    steps: int


class Trainer(Protocol):
    """A network and how it is trained. All methods depend on nothing but what they are given."""

    @property
    def layout(self) -> Layout:
        """The network's parameters: names, shapes, layers."""

    def initial(self, seed: bytes) -> Arrays:
        """Parameters to begin with: the same to the last bit, wherever it runs."""

    def train(
        self, weights: Arrays, rows: Rows, local: Local, seed: bytes, correction: Arrays | None = None
    ) -> Trained:
        """Train on own rows, of which there is one at least.

        :param seed: of the order of the rows.
        :param correction: what is added to every gradient: SCAFFOLD's c - c_i.
        """

    def losses(self, weights: Arrays, rows: Rows, local: Local) -> float:
        """The sum of the rows' losses, without penalties; 0 of no rows."""

    def outputs(self, weights: Arrays, features: Singles) -> Floats:
        """(rows, outputs): log-odds, of "regression" the label on its scale."""
