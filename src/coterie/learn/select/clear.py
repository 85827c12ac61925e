"""The choice itself: from figures of features to those that stay, with a reason for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coterie.learn.glm import Information
from coterie.learn.linear import Floats
from coterie.learn.select.params import SelectParams
from coterie.learn.select.record import Feature, Reason, Selection
from coterie.learn.select.stepwise import Walk, walk

__all__ = ["Evidence", "choose"]

LARGEST = 1000.0
"""A variance inflation factor above this is as good as infinite."""


@dataclass(frozen=True)
class Evidence:
    """Of all features, in model order. What no criterion asks for is None."""

    places: Sequence[str]
    """As ``party.column``."""
    iv: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, float] = field(default_factory=dict)
    correlations: Floats | None = None
    information: Information | None = None


class _Choice:
    """What is left, and why the rest is not."""

    def __init__(self, params: SelectParams, evidence: Evidence) -> None:
        self.params, self.evidence = params, evidence
        self.left = list(range(len(evidence.places)))
        self.named = frozenset(params.keep)
        self.gone: dict[int, dict[str, Any]] = {}
        self.walked: Walk | None = None

    def place(self, number: int) -> str:
        return self.evidence.places[number]

    def kept(self, number: int) -> bool:
        """Whether it stays in any case."""
        return self.place(number) in self.named

    def rank(self, number: int) -> tuple[bool, float, int]:
        """Sorts what is to stay first to the front."""
        return (not self.kept(number), -self.evidence.iv.get(self.place(number), 0.0), number)

    def drop(self, number: int, reason: Reason, value: float | None = None, **more: Any) -> None:
        self.left.remove(number)
        self.gone[number] = {"reason": reason, "value": value, **more}

    def drop_where(
        self, reason: Reason, threshold: float | None, value: Callable[[str], float], *, above: bool
    ) -> None:
        """All that are beyond a threshold."""
        if threshold is None:
            return
        for number in list(self.left):
            if self.kept(number):
                continue
            found = value(self.place(number))
            if (found > threshold) if above else (found < threshold):
                self.drop(number, reason, found, threshold=threshold)


def choose(params: SelectParams, evidence: Evidence) -> Selection:
    """Every criterion in its turn, each of what those before have left."""
    choice = _Choice(params, evidence)
    for number in list(choice.left):
        if choice.place(number) in params.drop:
            choice.drop(number, "drop")
    choice.drop_where("low_iv", params.min_iv, lambda place: evidence.iv[place], above=False)
    choice.drop_where("high_iv", params.max_iv, lambda place: evidence.iv[place], above=True)
    choice.drop_where("missing", params.max_missing, lambda place: evidence.missing[place], above=True)
    if evidence.correlations is not None:
        if params.max_correlation is not None:
            _uncorrelated(choice, evidence.correlations, params.max_correlation)
        if params.max_vif is not None:
            _not_inflated(choice, evidence.correlations, params.max_vif)
    if evidence.information is not None:
        _stepwise(choice, evidence.information)
    if params.most is not None:
        _fewest(choice, params.most)
    return Selection(features=tuple(_feature(choice, number) for number in range(len(evidence.places))))


def _uncorrelated(choice: _Choice, matrix: Floats, threshold: float) -> None:
    """From the best feature on, each stays that goes together with none that stays already."""
    stays: list[int] = []
    for number in sorted(choice.left, key=choice.rank):
        found = np.abs(matrix[number, stays])
        worst = int(found.argmax()) if stays else 0
        if stays and found[worst] > threshold and not choice.kept(number):
            choice.drop(
                number,
                "correlated",
                float(matrix[number, stays[worst]]),
                threshold=threshold,
                other=choice.place(stays[worst]),
            )
        else:
            stays.append(number)


def _not_inflated(choice: _Choice, matrix: Floats, threshold: float) -> None:
    """The worst goes, until none is too bad; of equally bad ones that of lower information value."""
    while True:
        factors = dict(
            zip(choice.left, inflation_factors(matrix[np.ix_(choice.left, choice.left)]), strict=True)
        )
        free = [number for number in choice.left if not choice.kept(number)]
        worst = max((factors[number] for number in free), default=0.0)
        if worst <= threshold:
            return
        tied = [number for number in free if factors[number] >= worst * (1 - 1e-4)]
        number = max(tied, key=choice.rank)
        told = factors[number] if factors[number] < LARGEST else None
        choice.drop(number, "inflated", told, threshold=threshold)


def inflation_factors(matrix: Floats) -> list[float]:
    """Of features with these correlations; LARGEST for all that are as large or larger."""
    spread, vectors = np.linalg.eigh(matrix)
    # A feature with a part in a direction without spread is made of others.
    floor = 1e-2 / LARGEST
    factors = (np.square(vectors) / np.maximum(spread, floor)).sum(axis=1)
    return [min(float(one), LARGEST) for one in factors]


def _stepwise(choice: _Choice, information: Information) -> None:
    params = choice.params
    base = [number for number in choice.left if choice.kept(number)]
    choice.walked = found = walk(information, choice.left, base, params)
    threshold = None if params.criterion == "aic" else params.p_enter
    if params.stepwise == "backward" and params.criterion == "p":
        threshold = params.p_remove
    for number in list(choice.left):
        if number not in found.chosen:
            choice.drop(number, "stepwise", found.values.get(number), threshold=threshold)


def _fewest(choice: _Choice, most: int) -> None:
    walked = choice.walked

    def worth(number: int) -> float:
        return walked.statistics[number] if walked else choice.evidence.iv.get(choice.place(number), 0.0)

    order = sorted(choice.left, key=lambda number: (not choice.kept(number), -worth(number), number))
    for number in order[most:]:
        if not choice.kept(number):
            choice.drop(number, "most", worth(number), threshold=float(most))


def _feature(choice: _Choice, number: int) -> Feature:
    party, _, column = choice.place(number).partition(".")
    if number in choice.gone:
        return Feature(party=party, column=column, kept=False, **choice.gone[number])
    value = choice.walked.values.get(number) if choice.walked else None
    reason: Reason = "keep" if choice.kept(number) else "chosen"
    return Feature(party=party, column=column, kept=True, reason=reason, value=value)
