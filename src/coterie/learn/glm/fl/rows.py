"""One contributor's rows, and the sums over them that are told as totals: nothing else leaves it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coterie.learn.errors import NOT_FINITE, NULLS_LEFT
from coterie.learn.glm.errors import LABEL_UNFIT, OFFSET_UNFIT, WEIGHTS_UNFIT
from coterie.learn.glm.families import family_of
from coterie.learn.glm.params import GlmParams
from coterie.learn.glm.statistics import constant_of
from coterie.learn.linear import Floats
from coterie.mpc import RowBlocks

__all__ = ["LABEL_SUMS", "Rows", "checked", "first_sums"]

LABEL_SUMS = 8
"""Numbers of the first total beside two for each feature."""
OFFSET_CAP = 128.0
"""Largest offset: its exponential is well within float64."""


@dataclass(frozen=True)
class Rows:
    """What one contributor trains with."""

    features: RowBlocks
    """X as given, (rows, width): never copied as a whole."""
    label: Floats
    """(rows,)."""
    weights: Floats | None = None
    """(rows,), as given."""
    offset: Floats | None = None
    """(rows,)."""

    @property
    def given_weights(self) -> Floats:
        return np.ones_like(self.label) if self.weights is None else self.weights

    @property
    def shift(self) -> Floats:
        """The offset, or zeros."""
        return np.zeros_like(self.label) if self.offset is None else self.offset


def checked(rows: Rows, columns: Sequence[str], params: GlmParams) -> Rows:
    """The same, fit to train on, as far as its holder alone can tell.

    :param columns: names of the features.

    Errors: CT-3027, CT-3028 (naming the column), CT-1501, CT-3061 (label), CT-3062 (weights), CT-3063
    (offset).
    """
    for _, block in rows.features.blocks():
        for name, values in zip(columns, block.T, strict=True):
            if np.isnan(values).any():
                raise NULLS_LEFT(f"'{name}'")
            if not np.isfinite(values).all():
                raise NOT_FINITE(f"'{name}'")
    for given, what in ((rows.label, "label"), (rows.weights, "weights"), (rows.offset, "offset")):
        if given is not None and np.isnan(given).any():
            raise NULLS_LEFT(f"the {what}")
        if given is not None and not np.isfinite(given).all():
            raise NOT_FINITE(f"the {what}")
    if problem := _label_problem(rows.label, params.family):
        raise LABEL_UNFIT(f"{params.family}: {problem}")
    if rows.weights is not None and (rows.weights < 0).any():
        raise WEIGHTS_UNFIT("a weight below 0")
    if rows.offset is not None and (np.abs(rows.offset) > OFFSET_CAP).any():
        raise OFFSET_UNFIT(f"a magnitude above {OFFSET_CAP:.0f}")
    return rows


def _label_problem(given: Floats, family: str) -> str:
    if family == "logistic":
        return "" if ((given == 0) | (given == 1)).all() else "not only 0 and 1"
    if family == "linear":
        return ""
    if family == "gamma":
        return "" if (given > 0).all() else "not all positive"
    return "negative values" if (given < 0).any() else ""


def first_sums(rows: Rows, params: GlmParams) -> Floats:
    """(2 width + 8,): of each feature the sum and that of squares; then of the label and the weights what the
    scale of training is made of (see ``scale``), and last how many rows they are."""
    total, squares = np.zeros(rows.features.shape[1]), np.zeros(rows.features.shape[1])
    for _, block in rows.features.blocks():
        total += block.sum(axis=0)
        squares += (block * block).sum(axis=0)
    family, y, weights, shift = family_of(params), rows.label, rows.given_weights, rows.shift
    centred = y - shift if family.name == "linear" else y
    up, down, constant = float(np.sum(centred)), float(np.sum(centred * centred)), 0.0
    if params.log_link:
        up = float(np.sum(weights * y * np.exp((1 - family.power) * shift)))
        down = float(np.sum(weights * np.exp((2 - family.power) * shift)))
    if params.statistics and rows.weights is None and len(y):
        mean = constant_of(family.name, y)
        constant = 0.0 if mean is None else mean * len(y)
    seen = y > 0
    label = [
        float(seen.sum()),
        math.fsum(weights[~seen]),
        math.fsum(weights[seen]),
        float(np.sum(weights * centred)),
        up,
        down,
        constant,
        float(len(y)),
    ]
    return np.concatenate([total, squares, label])
