"""The table of the generalised linear model: the same columns at every party, other people at each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEED = 20261123


@dataclass(frozen=True)
class Rows:
    """Features (rows, columns) in float64, labels 0 or 1 (rows,) in float64."""

    features: NDArray[np.float64]
    labels: NDArray[np.float64]


def part(rows: int, columns: int, party: int) -> Rows:
    """What a party, counted from 0, has: columns of unequal means and widths, other people at each."""
    generator = np.random.default_rng((SEED, party))
    common = np.random.default_rng(SEED)
    truth = common.standard_normal(columns) / np.sqrt(columns)
    middles, widths = common.uniform(-2, 2, columns), common.uniform(0.2, 5, columns)
    raw = generator.standard_normal((rows, columns)) + 0.3 * party
    chance = 1 / (1 + np.exp(1.0 - raw @ truth))
    return Rows(middles + widths * raw, (generator.random(rows) < chance).astype(np.float64))


def pooled(rows: int, columns: int, parties: int) -> Rows:
    """All parties' rows in one place.

    :param rows: of each party.
    """
    parts = [part(rows, columns, party) for party in range(parties)]
    return Rows(np.vstack([one.features for one in parts]), np.concatenate([one.labels for one in parts]))
