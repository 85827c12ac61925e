"""What a run of any engine is held against: the optimiser in float64 on plain arrays, and stored models."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from coterie.learn import linear
from coterie.learn.linear import ClearModel, Floats, SharedModel
from coterie.learn.logistic import clear
from coterie.learn.logistic.design import design
from coterie.learn.logistic.params import LogisticParams
from coterie.learn.logistic.preparation import prepare
from coterie.mpc import RowBlocks

__all__ = ["load_model", "train_in_clear"]


def load_model(data: bytes) -> ClearModel | SharedModel:
    """The model that ``to_bytes`` wrote. Errors: CT-3053 for any other bytes."""
    return linear.load_model(data, LogisticParams)


def train_in_clear(
    features: Mapping[str, Floats], labels: NDArray[np.int8], params: LogisticParams, bound: float
) -> tuple[Floats, float]:
    """Train as the parties of ``features`` would together, with nothing hidden from anybody.

    :param features: by owner, in model order: (rows, width) standardised values.
    :param labels: (rows,) of zeros and ones.
    :param bound: of all feature values, as `standardize` gives it.
    :returns: (width of all,) coefficients in model order, and the intercept.

    Errors: CT-3016, CT-3027, CT-3028, CT-3051.
    """
    numbers = design(len(labels), {owner: block.shape[1] for owner, block in features.items()}, bound, params)
    blocks = [
        prepare(_rows(block), [f"{owner}.{column}" for column in range(block.shape[1])], numbers)
        for owner, block in features.items()
    ]
    return clear.fit(blocks, labels, numbers)


def _rows(block: Floats) -> RowBlocks:
    return RowBlocks(block.shape, lambda start, stop: block[start:stop])
