"""What a run of any engine is held against: the training in float64 on plain arrays, and stored models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from coterie.learn import linear
from coterie.learn.glm import clear
from coterie.learn.glm.design import design
from coterie.learn.glm.params import GlmParams
from coterie.learn.glm.preparation import (
    Offset,
    Weights,
    class_weights,
    prepare,
    prepare_label,
    prepare_offset,
    prepare_weights,
)
from coterie.learn.glm.statistics import label_facts, table
from coterie.learn.linear import ClearModel, Floats, SharedModel
from coterie.mpc import RowBlocks

__all__ = ["GlmFit", "load_model", "train_in_clear"]


def load_model(data: bytes) -> ClearModel | SharedModel:
    """The model that ``to_bytes`` wrote. Errors: CT-3053 for any other bytes."""
    return linear.load_model(data, GlmParams)


@dataclass(frozen=True)
class GlmFit:
    """Of :func:`train_in_clear`, on the columns and the label as they are."""

    coefficients: Floats
    """In model order."""
    intercept: float
    losses: tuple[float, ...]
    """After each segment of the training, where ``loss_every`` asks for them."""
    statistics: dict[str, Any] | None


def train_in_clear(
    features: Mapping[str, RowBlocks],
    label: Floats,
    params: GlmParams,
    *,
    weights: Floats | None = None,
    offset: Floats | None = None,
) -> GlmFit:
    """Train as the parties of ``features`` would together, with nothing hidden from anybody.

    :param features: by owner, in model order: (rows, width) standardised values.
    :param label, weights, offset: (rows,) each.

    Errors: CT-3016, CT-3027, CT-3028, CT-3051, CT-3061, CT-3062, CT-3063.
    """
    rows = len(label)
    numbers = design(rows, {owner: block.shape[1] for owner, block in features.items()}, params)
    blocks = [
        prepare(block, [f"{owner}.{column}" for column in range(block.shape[1])], numbers)
        for owner, block in features.items()
    ]
    weighed = Weights(np.ones(rows), 1.0) if weights is None else prepare_weights(weights, "weights")
    shifted = Offset(np.zeros(rows), 0.0) if offset is None else prepare_offset(offset, "offset", numbers)
    classes = class_weights(label, numbers)
    both = weighed.values if classes is None else weighed.values * classes
    both = both / both.mean()
    scaled = prepare_label(label, "label", numbers, both, shifted.values)
    problem = clear.Problem(blocks, scaled, both, clear.constants(scaled, shifted.values, numbers), numbers)
    fitted = clear.fit(problem)
    coefficients, intercept = clear.given_units(problem, fitted, shifted.centre)
    told = None
    if params.statistics:
        known = both, shifted.values
        facts = label_facts(scaled, label, numbers, known, weighed=weights is not None)
        estimates = np.append(coefficients, intercept) if params.intercept else coefficients
        names = {owner: tuple(str(j) for j in range(block.shape[1])) for owner, block in features.items()}
        told = table(clear.sums(problem, fitted, facts, weighed.mean), numbers, names, estimates)
    return GlmFit(coefficients, intercept, tuple(fitted.losses), told)
