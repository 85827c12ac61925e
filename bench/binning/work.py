"""The work: bins and information values of one party's columns, with another's labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from coterie.learn.binning import BinParams


@dataclass(frozen=True)
class Work:
    """A size to measure."""

    name: str
    rows: int
    columns: int
    method: Literal["quantile", "optimal"]

    @property
    def params(self) -> BinParams:
        """Ten bins of equally many rows; or at most six out of twenty, of the highest information value."""
        if self.method == "quantile":
            return BinParams(method="quantile", bins=10, categories=10)
        return BinParams(method="optimal", bins=6, prebins=20)


WORKS = (
    Work("woe_quantile_500000x200", 500_000, 200, "quantile"),
    Work("woe_optimal_500000x200", 500_000, 200, "optimal"),
    Work("woe_optimal_150000x10", 150_000, 10, "optimal"),
)


def generate(work: Work, directory: Path) -> tuple[NDArray[np.float32], NDArray[np.int64], Path]:
    """Features (rows, columns) in Fortran order and labels (rows,), equal in every run, and the folder with
    them."""
    generator = np.random.Generator(np.random.PCG64(20261123))
    features = np.empty((work.rows, work.columns), np.float32, order="F")
    logit = np.full(work.rows, -2.0)
    for index in range(work.columns):
        features[:, index] = generator.standard_normal(work.rows, np.float32)
        logit += features[:, index] * (2.0 / (3 + index % 20)) / np.sqrt(work.columns)
    labels = (generator.random(work.rows) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    folder = directory / work.name
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "features.npy", features)
    np.save(folder / "labels.npy", labels)
    return features, labels, folder
