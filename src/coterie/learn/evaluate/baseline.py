"""What the label holder can do alone: the same kind of model on its own columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coterie.learn.component import RunContext
from coterie.learn.logistic import LogisticParams, fit, sigmoid

__all__ = ["baseline_scores"]


def baseline_scores(context: RunContext, params: LogisticParams, frame: str) -> NDArray[np.float64]:
    """Train in the clear on the own columns of the training rows, and score the rows of ``frame``.

    :param params: of the joint model.
    :return: (rows,) probability of label 1.
    """
    training = context.frames.get("train", context.frames["all"])
    own = training.columns[context.me]
    result = fit([training.matrix(own)], training.labels(), params)
    return sigmoid(result.intercept + context.frames[frame].matrix(own) @ result.coefficients)
