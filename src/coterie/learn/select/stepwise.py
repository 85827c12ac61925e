"""Stepwise regression without a regression at each step.

Of the full logistic fit the matrix of information I and the moments g are known. The parabola through them
says what every smaller model would be [Lawless & Singhal 1978]: K's coefficients are I_KK^−1 g_K; leaving out
one feature lowers twice the log-likelihood by Wald's statistic, its coefficient squared over its variance;
adding one raises it by (g_j − I_jK I_KK^−1 g_K)² / (I_jj − I_jK I_KK^−1 I_Kj). SAS has the same for leaving
out (FAST), R's rms (fastbw). It is exact for the full model, near it for models that are not much worse, and
ever rougher for those that are; the order of clear effects is not at stake.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coterie.learn.glm import Information
from coterie.learn.linear import Floats
from coterie.learn.select.params import SelectParams

__all__ = ["Walk", "p_value", "walk"]

DEPENDENT = 1e-4
"""Share of a feature's information that must not be known from the others."""


@dataclass(frozen=True)
class Walk:
    """Where it ended."""

    chosen: frozenset[int]
    statistics: Mapping[int, float]
    """Wald's, of every candidate against what is chosen besides."""
    values: Mapping[int, float]
    """P-values of these; by Akaike's criterion by how much the other choice would raise it."""


def p_value(statistic: float) -> float:
    """Of a chi-square with one degree of freedom."""
    return math.erfc(math.sqrt(max(0.0, statistic) / 2))


class _Model:
    """Statistics of all candidates against the ones that are in, and the constant."""

    def __init__(self, information: Information, candidates: Sequence[int]) -> None:
        self.matrix, self.moments = information.matrix, information.moments
        self.candidates = tuple(candidates)
        self.inside: list[int] = []

    def changes(self) -> dict[int, float]:
        """By how much twice the log-likelihood would fall without each that is in, and rise with each that is
        not; 0 for what the others determine."""
        chosen = [len(self.moments) - 1, *self.inside]
        inverse = np.linalg.inv(self.matrix[np.ix_(chosen, chosen)])
        estimates = inverse @ self.moments[chosen]
        found = dict(zip(chosen[1:], (estimates**2 / np.diag(inverse))[1:].tolist(), strict=True))
        outside = [number for number in self.candidates if number not in found]
        cross = self.matrix[np.ix_(outside, chosen)]
        rest = self.moments[outside] - cross @ estimates
        spread = np.diag(self.matrix)[outside] - np.einsum("ij,jk,ik->i", cross, inverse, cross)
        free = spread > DEPENDENT * np.diag(self.matrix)[outside]
        gains = np.where(free, rest**2 / np.where(free, spread, 1.0), 0.0)
        return found | dict(zip(outside, gains.tolist(), strict=True))


def walk(
    information: Information, candidates: Sequence[int], base: Sequence[int], params: SelectParams
) -> Walk:
    """:param candidates: features that may be in the model, by their place in the matrix.
    :param base: those that are in it always."""
    model = _Model(information, candidates)
    fixed = set(base)
    for number in (*base, *candidates) if params.stepwise == "backward" else base:
        if number not in model.inside and not _determined(information.matrix, model.inside, number):
            model.inside.append(number)
    if params.stepwise == "backward":
        while _one_out(model, fixed, params):
            pass
    else:
        seen = {frozenset(model.inside)}
        while _one_in(model, params):
            while params.stepwise == "both" and _one_out(model, fixed, params):
                pass
            if frozenset(model.inside) in seen:  # rounding could make it go round
                break
            seen.add(frozenset(model.inside))
    changes, chosen = model.changes(), frozenset((*model.inside, *base))
    value: Callable[[float], float] = p_value
    if params.criterion == "aic":
        value = float
    values = {number: value(change) for number, change in changes.items()}
    if params.criterion == "aic":
        values = {number: x - 2 if number in chosen else 2 - x for number, x in values.items()}
    return Walk(chosen, changes, values)


def _determined(matrix: Floats, inside: Sequence[int], number: int) -> bool:
    """Whether a feature is made of others."""
    chosen = [len(matrix) - 1, *inside]
    cross = matrix[number, chosen]
    rest = matrix[number, number] - cross @ np.linalg.solve(matrix[np.ix_(chosen, chosen)], cross)
    return bool(rest <= DEPENDENT * matrix[number, number])


def _one_in(model: _Model, params: SelectParams) -> bool:
    """Let the best one in, if it is good enough."""
    changes = model.changes()
    outside = [number for number in model.candidates if number not in model.inside]
    if not outside:
        return False
    best = max(outside, key=lambda number: (changes[number], -number))
    enough = changes[best] > 2 if params.criterion == "aic" else p_value(changes[best]) < params.p_enter
    if enough:
        model.inside.append(best)
    return enough


def _one_out(model: _Model, fixed: set[int], params: SelectParams) -> bool:
    """Leave the worst one out, if it is not good enough."""
    changes = model.changes()
    free = [number for number in model.inside if number not in fixed]
    if not free:
        return False
    worst = min(free, key=lambda number: (changes[number], number))
    bad = changes[worst] < 2 if params.criterion == "aic" else p_value(changes[worst]) > params.p_remove
    if bad:
        model.inside.remove(worst)
    return bad
