"""The functions that sums stand for, as the float twin computes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from coterie.mpc.ring import Floats


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + e^-z)."""
    return np.asarray(np.where(z >= 0, 1.0, np.exp(np.minimum(z, 0))) / (1 + np.exp(-np.abs(z))))


def even_softplus(z: Floats) -> Floats:
    """log(1 + e^z) - z / 2."""
    return np.asarray(np.log1p(np.exp(-np.abs(z))) + np.abs(z) / 2)


def _positive(z: Floats) -> Floats:
    """What is not, the guard of the range reports."""
    return np.maximum(z, 2.0**-60)


TRUE: Mapping[str, Callable[[Floats], Floats]] = {
    "sigmoid": sigmoid,
    "even_softplus": even_softplus,
    "log": lambda z: np.asarray(np.log(_positive(z))),
    "log2": lambda z: np.asarray(np.log2(_positive(z))),
    "log10": lambda z: np.asarray(np.log10(_positive(z))),
}
