"""Row weights by label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import WEIGHTS_UNFIT

__all__ = ["checked", "class_factors", "factors_of", "weight_sums"]

Floats = NDArray[np.float64]


def class_factors(
    labels: NDArray[np.int8], share: float, base: Floats | None, what: str
) -> tuple[float, float]:
    """Factors of the weights of labels 0 and 1: label 1 then has ``share`` of the weight of the rows, and the
    mean weight is as it was.

    :param labels: (n,) of the training rows. :param base: (n,) their weights; None for 1 each.

    Errors: CT-3127, naming ``what``.
    """
    return factors_of(*weight_sums(labels, base, what), share, what)


def weight_sums(labels: NDArray[np.int8], base: Floats | None, what: str) -> tuple[float, float]:
    """Weight of the rows with label 0, and of those with label 1. Errors: CT-3127."""
    weights = np.ones(len(labels)) if base is None else checked(base, what)
    return float(weights[labels == 0].sum()), float(weights[labels == 1].sum())


def factors_of(zeros: float, ones: float, share: float, what: str) -> tuple[float, float]:
    """See :func:`class_factors`."""
    total = zeros + ones
    if not (zeros > 0 and ones > 0 and np.isfinite(total)):
        raise WEIGHTS_UNFIT(what)
    return (1 - share) * total / zeros, share * total / ones


def checked(weights: Floats, what: str) -> Floats:
    """Errors: CT-3127 for weights that are missing, infinite or negative."""
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise WEIGHTS_UNFIT(what)
    return weights
