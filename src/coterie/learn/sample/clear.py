"""Row weights by label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import WEIGHTS_UNFIT

__all__ = ["class_factors"]

Floats = NDArray[np.float64]


def class_factors(
    labels: NDArray[np.int8], share: float, base: Floats | None, what: str
) -> tuple[float, float]:
    """Factors of the weights of labels 0 and 1: label 1 then has ``share`` of the weight of the rows, and the
    mean weight is as it was.

    :param labels: (n,) of the training rows. :param base: (n,) their weights; None for 1 each.

    Errors: CT-3127, naming ``what``.
    """
    weights = np.ones(len(labels)) if base is None else base
    checked(weights, what)
    ones, total = float(weights[labels == 1].sum()), float(weights.sum())
    if not 0 < ones < total or not np.isfinite(total):
        raise WEIGHTS_UNFIT(what)
    return (1 - share) * total / (total - ones), share * total / ones


def checked(weights: Floats, what: str) -> Floats:
    """Errors: CT-3127 for weights that are missing, infinite or negative."""
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise WEIGHTS_UNFIT(what)
    return weights
