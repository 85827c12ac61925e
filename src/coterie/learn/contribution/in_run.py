"""Contributions in one run: parts of the way that the training went, without any other training.

A model came from one without features by steps that are sums of the parties' own. What a party's part of a
step did is the integral, along that step, of the slope of the measured loss in the direction of the part
[Aumann and Shapley 1974]; for a loss that is a quadratic along the step it is the Shapley value of the game
in which parties take their part of the step or leave it [Wang et al. 2024, Data Shapley in One Training Run,
arXiv:2406.11011, second order]. The parts of all parties add up to what the step gained.

Slopes are sums over all measured rows, told to all; each party holds its own parts against them by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from coterie.learn.linear import Floats

__all__ = ["NODES", "Found", "Way", "nodes"]

NODES = 6
"""Looks at a long step: the integral of a smooth loss is exact to nine digits or so."""


@dataclass(frozen=True)
class Found:
    """Of one party."""

    contribution: float
    left_out: float | None
    nothing: float
    """Mean loss of the measured rows by the model without features."""
    whole: float
    """And by the model."""


class Way(ABC):
    """How a model came from the one without features, at one party."""

    @abstractmethod
    def parts(self) -> Floats:
        """What the party adds to the sums over training rows."""

    @abstractmethod
    def slopes(self) -> Floats:
        """What the party adds to the sums over measured rows."""

    @abstractmethod
    def found(self, parts: Floats, slopes: Floats, rows: int) -> Found:
        """By the totals of both. Errors: CT-3316, equal at all parties.

        :param rows: that are measured, of all parties.
        """


def nodes(count: int) -> tuple[Floats, Floats]:
    """Places in a step from 0 to 1 and their weights [Gauss and Legendre]."""
    places, weights = np.polynomial.legendre.leggauss(count)
    return (places + 1) / 2, weights / 2
