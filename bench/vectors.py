"""The vectors of a secure sum, the same for every side: read by the interpreters of peers, too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SEED = 20261123
RANGE = 1.0
"""Values are uniform in (-RANGE, RANGE): within what every side's quantisation holds."""


def values(client: int, count: int) -> NDArray[np.float64]:
    """What a client, counted from 0, puts in."""
    return np.random.default_rng((SEED, client)).uniform(-RANGE, RANGE, count)
