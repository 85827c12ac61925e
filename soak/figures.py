"""Percentiles and counts of a soak."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], part: float) -> float | None:
    """The smallest value that is not exceeded by at least this part of all; None of no values.

    :param part: above 0, at most 1.
    """
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(part * len(values)) - 1)]


def spread(values: Sequence[float]) -> dict[str, float | int | None]:
    """What is told of times, in seconds."""
    middle, high = percentile(values, 0.5), percentile(values, 0.99)
    return {
        "p50": None if middle is None else round(middle, 3),
        "p99": None if high is None else round(high, 3),
        "count": len(values),
    }
