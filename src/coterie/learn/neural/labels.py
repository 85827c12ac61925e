"""Labels that a network can learn."""

from __future__ import annotations

import numpy as np

from coterie.learn.errors import ONE_CLASS
from coterie.learn.joined import LABEL_UNFIT
from coterie.learn.linear import Floats
from coterie.learn.neural.clear import Scale, scale_of
from coterie.learn.neural.fl.settings import FederatedParams

__all__ = ["check_label", "scale_for", "vary"]


def check_label(label: Floats, params: FederatedParams, name: str) -> None:
    """One party's. Errors: CT-3083 for what is no class, or no finite number."""
    if not np.isfinite(label).all():
        raise LABEL_UNFIT(f"'{name}' has a value that is not finite")
    if params.classes is None:
        return
    if not ((label == np.rint(label)) & (label >= 0) & (label < params.classes)).all():
        raise LABEL_UNFIT(f"'{name}' has a value that is no whole number from 0 to {params.classes - 1}")


def vary(scale: Scale, name: str) -> None:
    """Raises CT-3083 for a number that does not vary."""
    if not (np.isfinite(scale.deviation) and scale.deviation > 0):
        raise LABEL_UNFIT(f"'{name}' has one value in all training rows, or values that are too large")


def scale_for(label: Floats, params: FederatedParams, name: str) -> Scale:
    """Of the labels to train on, where all are here. Errors: CT-3016 for one class, CT-3083."""
    if params.task != "regression":
        if label.min() == label.max():
            raise ONE_CLASS("of the training rows")
        return Scale()
    scale = scale_of(label)
    vary(scale, name)
    return scale
