"""Parameters of training by rounds, whatever the network is."""

from __future__ import annotations

from math import cos, pi
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from coterie.learn.component import Params

from .trainer import Local

__all__ = ["FederatedParams"]


class FederatedParams(Params):
    """What a job may choose of training in engine fl. The first of them mean the same in every engine."""

    kind: ClassVar[str] = "network"
    """Of model: the component's name."""

    task: Literal["binary", "classes", "regression"] = "binary"
    """What the label is: 0 and 1; whole numbers from 0; or any number."""
    classes: int | None = Field(None, ge=3, le=1000)
    """How many values a label of ``classes`` has: 0 to one less."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """Of steps: Adam [Kingma, Ba, arXiv:1412.6980], or plain gradients with ``momentum``."""
    momentum: float = Field(0.0, ge=0, lt=1)
    """Of ``sgd``."""
    alpha: float = Field(1e-4, ge=0, le=1e4)
    """Penalty of squared weights."""
    batch_rows: int = Field(256, ge=1, le=1 << 20)
    """Rows of a step, at most."""
    learning_rate: float = Field(1e-3, ge=1e-6, le=10)
    """Of a step."""
    early_stopping: int | None = Field(5, ge=1, le=1000)
    """Epochs, in engine fl rounds, without an improvement on rows held back, after which training ends with
    the weights of its best; None for all on all rows."""
    validation: float = Field(0.1, gt=0, lt=1)
    """Share of the training rows that are held back where ``early_stopping`` is given."""
    seed: int = Field(0, ge=0, lt=2**31)
    threads: int = Field(1, ge=1, le=256)
    """Of matrix products. With few units one is as fast as many; the same number gives the same model to the
    bit on processors of one kind."""

    # Of engine fl alone.

    strategy: Literal["fedavg", "fedprox", "fedadam", "scaffold"] = "fedavg"
    """How the parties' changes become new weights: see ``server.py``."""
    rounds: int = Field(30, ge=1, le=10_000)
    """At most: each one training at home, and totals of it."""
    local_epochs: int = Field(1, ge=1, le=1000)
    """Passes over own rows in a round."""
    mu: float = Field(0.01, ge=0, le=1e4)
    """Of ``fedprox``."""
    server_rate: float | None = Field(None, gt=0, le=100)
    """Step of the common weights along the mean change: 1, with ``fedadam`` 0.01, where it is not given."""
    server_betas: tuple[float, float] = (0.9, 0.99)
    """Of ``fedadam``'s moments."""
    server_tau: float = Field(1e-3, gt=0, le=1)
    """Of ``fedadam``: added to the root of the second moment."""
    weighting: Literal["rows", "equal"] = "rows"
    """What a party's change counts: as its training rows, or as any other's."""
    sampled: int | None = Field(None, ge=3, le=500)
    """Parties of a round, drawn for each; all where it is not given."""
    schedule: Literal["constant", "step", "cosine"] = "constant"
    """Of the learning rate, by rounds."""
    warm_up: int = Field(0, ge=0, le=1000)
    """Rounds in which the learning rate rises to its full."""
    step_rounds: int = Field(10, ge=1, le=10_000)
    """Of ``step``: rounds after which it is multiplied by ``step_factor``."""
    step_factor: float = Field(0.5, gt=0, le=1)
    clip_norm: float | None = Field(None, gt=0, le=1e4)
    """Longest change of a party (L2): longer ones are shortened at home."""
    groups: int | None = Field(None, ge=3, le=100)
    """Groups, drawn in each round, of which totals are taken apart; with ``aggregate``."""
    aggregate: Literal["mean", "trimmed", "median"] = "mean"
    """Of the groups' means, number by number."""
    trim: int = Field(1, ge=1, le=50)
    """Of ``trimmed``: how many of the largest and of the smallest are left out."""
    personal: int = Field(0, ge=0, le=6)
    """Last layers that stay at home: every party trains its own."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.task == "classes") != (self.classes is not None):
            raise ValueError("give 'classes' with task classes, and only then")
        if self.strategy == "scaffold" and (self.optimizer != "sgd" or self.momentum):
            raise ValueError("scaffold is for plain gradients: optimizer sgd without momentum")
        if self.momentum and self.optimizer != "sgd":
            raise ValueError("momentum is for optimizer sgd")
        if not all(0 <= beta < 1 for beta in self.server_betas):
            raise ValueError("server_betas lie in [0, 1)")
        if self.groups is None and self.aggregate != "mean":
            raise ValueError("aggregate is for groups")
        if self.groups is not None:
            self._check_groups(self.groups)
        if self.schedule == "cosine" and self.warm_up >= self.rounds:
            raise ValueError("warm_up leaves no round")
        return self

    def _check_groups(self, groups: int) -> None:
        if self.clip_norm is None:
            raise ValueError("groups are held against clip_norm")
        if self.strategy == "scaffold":
            raise ValueError("scaffold's control variates are a mean over all: it takes no groups")
        if self.aggregate == "trimmed" and 2 * self.trim >= groups:
            raise ValueError("trim leaves no group")

    @property
    def classifies(self) -> bool:
        """Whether a score is the probability of label 1."""
        return self.task == "binary"

    @property
    def outputs(self) -> int:
        """Of a network: one for each class, where there are more than two."""
        return self.classes or 1

    @property
    def step(self) -> float:
        """Of the common weights."""
        return self.server_rate or (0.01 if self.strategy == "fedadam" else 1.0)

    def rate(self, number: int) -> float:
        """Learning rate of a round. :param number: of the round, from 0."""
        if number < self.warm_up:
            return self.learning_rate * (number + 1) / (self.warm_up + 1)
        done = number - self.warm_up
        if self.schedule == "step":
            return float(self.learning_rate * self.step_factor ** (done // self.step_rounds))
        if self.schedule == "cosine":
            return self.learning_rate * (1 + cos(pi * done / (self.rounds - self.warm_up))) / 2
        return self.learning_rate

    def local(self, number: int) -> Local:
        """Of a round, from 0."""
        given: dict[str, Any] = self.model_dump(
            include={"task", "optimizer", "momentum", "alpha", "batch_rows", "threads"}
        )
        return Local(
            **given,
            outputs=self.outputs,
            learning_rate=self.rate(number),
            epochs=self.local_epochs,
            mu=self.mu if self.strategy == "fedprox" else 0.0,
        )
