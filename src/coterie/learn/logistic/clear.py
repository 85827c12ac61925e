"""The optimiser in float64: the reference for every other engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coterie.learn.linear import Floats, sigmoid
from coterie.learn.logistic.design import Design
from coterie.learn.logistic.preparation import Block, start

__all__ = ["fit"]


def fit(blocks: Sequence[Block], labels: NDArray[np.int8], design: Design) -> tuple[Floats, float]:
    """Coefficients and intercept.

    :param blocks: the parts of the problem, one for each owner, in the design's order.
    :param labels: (rows,) of zeros and ones.
    :returns: (width of all,) coefficients in the owners' order, and the intercept.

    Errors: CT-3016 for labels that are all equal.
    """
    scaled = np.hstack([block.scaled().whole() for block in blocks])
    penalty = np.concatenate([*(block.penalty for block in blocks), np.zeros(1)])
    weights = np.zeros(design.width + 1)
    weights[-1] = start(labels, design)
    step, velocity = 2.0**-design.halvings, np.zeros_like(weights)
    for sixteenths in design.momentum:
        ahead = weights + sixteenths / 16 * velocity
        error = sigmoid(scaled @ ahead[:-1] + design.constant * ahead[-1]) - labels
        gradient = np.append(scaled.T @ error, design.constant * error.sum())
        velocity = ahead - weights - step * gradient - penalty * ahead
        weights = weights + velocity
    return _unscaled(weights, blocks, design)


def _unscaled(weights: Floats, blocks: Sequence[Block], design: Design) -> tuple[Floats, float]:
    parts, intercept, first = [], design.constant * weights[-1], 0
    for block in blocks:
        width = len(block.shift)
        part = block.back() @ weights[first : first + width]
        parts.append(part[:-1])
        if design.params.intercept:
            intercept -= part[-1]
        first += width
    return np.concatenate(parts) if parts else np.zeros(0), float(intercept)
