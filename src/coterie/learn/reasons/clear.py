"""The largest deductions of each row, in plain numbers: the reference for every engine.

A deduction is what a feature's points are short of its best bin's, or of their mean. Deductions of
:data:`REACH` times the PDO and more count as equal: that much multiplies the odds by four thousand million,
and what is compared on shares needs a limit. Of equal deductions the feature that comes first in the model
comes first. What is not short by anything is no reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coterie.learn.scorecard import Scale, Units

__all__ = ["NONE", "Largest", "joined", "largest", "limit_of"]

REACH = 32
NONE = 0
"""Number of no feature. The model's are counted from 1."""


def limit_of(scale: Scale) -> int:
    """The largest deduction, in units."""
    return math.ceil(REACH * scale.pdo) * scale.per_point


@dataclass(frozen=True)
class Largest:
    """The largest deductions of each row, the largest first."""

    numbers: Units
    """(rows, most) of features; :data:`NONE` where the deduction is 0."""
    units: Units
    """(rows, most) the deductions."""


def largest(deductions: Units, most: int, first: int = 1) -> Largest:
    """The ``most`` largest of each row, or all where there are fewer.

    :param deductions: (rows, features), not negative.
    :param first: number of the first of the features.
    """
    order = np.argsort(-deductions, axis=1, kind="stable")[:, :most]
    units = np.take_along_axis(deductions, order, axis=1)
    return Largest(np.where(units > 0, order + first, NONE), units)


def joined(lists: Sequence[Largest], most: int) -> Largest:
    """The ``most`` largest of several owners' lists, in the order of the model."""
    numbers = np.concatenate([one.numbers for one in lists], axis=1)
    units = np.concatenate([one.units for one in lists], axis=1)
    order = np.argsort(-units, axis=1, kind="stable")[:, :most]
    return Largest(np.take_along_axis(numbers, order, axis=1), np.take_along_axis(units, order, axis=1))
