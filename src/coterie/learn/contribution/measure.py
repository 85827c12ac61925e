"""Losses of rows: what contributions are measured by."""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.learn.evaluate import power_of, unit_deviances
from coterie.learn.linear import Floats, sigmoid

from .errors import NO_MEASURE

__all__ = ["loss_power", "row_losses", "slopes"]

UNIT = float(np.finfo(np.float64).eps)


def row_losses(labels: Floats, scores: Floats, power: float | None, step: str) -> Floats:
    """(rows,) log-losses in nats; unit deviances where the variance of the label is as its mean to a power.

    :param scores: (rows,) what is expected of the labels. :param power: None for labels that are 0 or 1.

    Errors: CT-3314 for a label or a score that the family cannot have.
    """
    if power is None:
        kept = np.clip(scores, UNIT, 1 - UNIT)
        return np.asarray(-np.where(labels == 1, np.log(kept), np.log1p(-kept)))
    found = unit_deviances(labels, scores, power)
    if found is None:
        raise NO_MEASURE("a measured label or score is not in the family's range", step=step)
    return found


def loss_power(training: Any) -> float | None:
    """Of the losses that a model was trained by."""
    return None if training.classifies else power_of(training)


def slopes(labels: Floats, margins: Floats, power: float | None) -> Floats:
    """(rows,) derivatives of :func:`row_losses` by the margin: log-odds, logarithms, or the score itself."""
    if power is None:
        return np.asarray(sigmoid(margins) - labels)
    if power == 0:
        return np.asarray(2 * (margins - labels))
    return np.asarray(2 * (np.exp((2 - power) * margins) - labels * np.exp((1 - power) * margins)))
