"""What becomes of totals before they move the weights: means, checked, and put together.

Coordinate-wise trimmed means and medians: Yin et al. 2018, arXiv:1803.01498; of groups of parties, of which
totals alone are known: as so-called bucketing, Karimireddy et al. 2022, arXiv:2006.09365.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, sqrt

import numpy as np

from .settings import FederatedParams
from .trainer import Floats

__all__ = ["clipped", "put_together", "too_long"]


def norm(values: Floats) -> float:
    """The L2 norm: of an exact sum, and so the same at all parties, whatever their processors."""
    return sqrt(fsum((values * values).tolist()))


def clipped(change: Floats, most: float | None) -> tuple[Floats, bool]:
    """The change, shortened where it is longer; and whether it was."""
    if most is None:
        return change, False
    length = float(np.linalg.norm(change))  # of this party alone: no other needs the same
    return (change, False) if length <= most else (change * (most / length), True)


def too_long(mean: Floats, most: float | None, error: float) -> bool:
    """Whether it cannot be a mean of changes that are no longer than that.

    :param error: of each number, by rounding.
    """
    return most is not None and norm(mean) > most + error * sqrt(len(mean)) + 1e-9


def put_together(means: Sequence[Floats], weights: Sequence[float], params: FederatedParams) -> Floats:
    """(n,) of the groups' means.

    :param weights: of each, for the plain mean of all parties; the others take groups as equals.
    """
    if params.aggregate == "mean":
        total = means[0] * weights[0]
        for mean, weight in zip(means[1:], weights[1:], strict=True):
            total = total + mean * weight
        return np.asarray(total / sum(weights))
    ordered = np.sort(np.stack(means), axis=0)
    cut = params.trim if params.aggregate == "trimmed" else (len(means) - 1) // 2
    kept = ordered[cut : len(means) - cut]
    if not len(kept):  # groups were left out: as many as are taken off on either side may be wrong yet
        kept = ordered[(len(means) - 1) // 2 : len(means) // 2 + 1]
    total = kept[0]
    for one in kept[1:]:
        total = total + one
    return np.asarray(total / len(kept))
