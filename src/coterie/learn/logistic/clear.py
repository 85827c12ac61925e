"""The optimiser in float64: the reference for every other engine."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from coterie.learn.logistic.design import Design
from coterie.learn.logistic.preparation import Block, Floats, prepare, start

__all__ = ["fit", "sigmoid"]


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)), without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)))


def fit(features: Mapping[str, Floats], labels: NDArray[np.int8], design: Design) -> tuple[Floats, float]:
    """Coefficients and intercept.

    :param features: by owner, in the design's order, (rows, width) each.
    :param labels: (rows,) of zeros and ones.
    :returns: (width of all,) coefficients in the owners' order, and the intercept.

    Errors: CT-3016 for labels that are all equal.
    """
    blocks = [prepare(features[owner], design) for owner in design.widths]
    scaled = np.hstack([block.rows(0, design.rows) for block in blocks] or [np.zeros((design.rows, 0))])
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


def _unscaled(weights: Floats, blocks: list[Block], design: Design) -> tuple[Floats, float]:
    parts, intercept, first = [], design.constant * weights[-1], 0
    for block in blocks:
        width = len(block.shift)
        part = block.back() @ weights[first : first + width]
        parts.append(part[:-1])
        if design.params.intercept:
            intercept -= part[-1]
        first += width
    return np.concatenate(parts) if parts else np.zeros(0), float(intercept)
