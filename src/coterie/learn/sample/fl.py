"""Row weights by the labels of all parties' rows, by one sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.learn.component import PlanContext, RunContext, Total
from coterie.learn.pooled import DIGITS, WHOLE, enough_beside, wide_total
from coterie.learn.summed import SUMS, planned_sums
from coterie.learn.transform import training_of

from .clear import Floats, factors_of, weight_sums

__all__ = ["pooled_factors", "pooled_needs"]

WEIGHTS = (
    "weight of the training rows with each label value, of parties with no fewer than the smallest group of "
    "either"
)


def pooled_needs(context: PlanContext) -> dict[str, Any]:
    """What a plan says of it, as fields of a step plan. Errors: CT-3235."""
    enough_beside(context, training_of(context.frames))
    return {**planned_sums(context, [Total(WEIGHTS, 2 * DIGITS, WHOLE, digits=DIGITS)]), "statement": SUMS}


def pooled_factors(
    context: RunContext, labels: NDArray[np.int8], share: float, base: Floats | None, what: str
) -> tuple[float, float]:
    """As ``class_factors``, of the rows of all parties that have enough of either label.

    :param labels: (n,) of this party's training rows. :param base: (n,) their weights; None for 1 each.

    Errors: CT-3127, naming ``what``.
    """
    own, ones = np.array(weight_sums(labels, base, what)), int(labels.sum())
    if min(ones, len(labels) - ones) < context.planning.min_group:
        own = np.zeros(2)
    zeros, positives = wide_total(context.sums().total, WEIGHTS, own).tolist()
    return factors_of(zeros, positives, share, what)
