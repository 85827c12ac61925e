"""The work: full-batch gradient descent for logistic regression on columns that two parties hold.

One pass is z = b + X_a w_a + X_b w_b, e = sigmoid(z) - y, w -= rate / n * X^T e, b -= rate / n * sum(e). It
starts from w = 0 and the logit of the base rate, which the label holder knows and puts in as a secret.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Work:
    """A size to measure."""

    name: str
    rows: int
    columns: int
    passes: int
    """Passes of one measurement of a peer."""
    own_passes: int
    """Passes of one measurement of Coterie: more, as the dealer works ahead by some before the first."""

    @property
    def step(self) -> float:
        """Rate / rows. A power of two, which every side's fixed point holds exactly; the rate is about 1."""
        return float(2.0 ** -round(np.log2(self.rows)))

    @property
    def rate(self) -> float:
        """Learning rate: the factor of the mean gradient."""
        return self.step * self.rows

    @property
    def left(self) -> int:
        """Columns of the first party, who holds the label too. The second party holds the rest."""
        return self.columns // 2

    @property
    def encoded_bytes(self) -> int:
        """Size of all features, encoded in the ring."""
        return self.rows * self.columns * 8


WORKS = (
    Work("lr_100000x100", 100_000, 100, passes=5, own_passes=40),
    Work("lr_30000x23", 30_000, 23, passes=10, own_passes=80),
)


@dataclass(frozen=True)
class Data:
    """Standardised features (rows, columns) in float32, labels 0 or 1 (rows,) in float32."""

    features: NDArray[np.float32]
    labels: NDArray[np.float32]


def generate(work: Work, directory: Path) -> tuple[Data, Path]:
    """The work's data, equal in every run, and the folder with it as npy files."""
    generator = np.random.Generator(np.random.PCG64(20261122))
    raw = generator.standard_normal((work.rows, work.columns))
    raw = (raw - raw.mean(axis=0)) / raw.std(axis=0)
    truth = generator.standard_normal(work.columns) / np.sqrt(work.columns)
    chance = sigmoid(raw @ truth - 0.5)
    data = Data(
        features=raw.astype(np.float32),
        labels=(generator.random(work.rows) < chance).astype(np.float32),
    )
    folder = directory / work.name
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "left.npy", data.features[:, : work.left])
    np.save(folder / "right.npy", data.features[:, work.left :])
    np.save(folder / "label.npy", data.labels)
    np.save(folder / "start.npy", start(work, data).astype(np.float32))
    return data, folder


def start(work: Work, data: Data) -> NDArray[np.float64]:
    """The first coefficients, intercept first: (1 + columns,)."""
    rate = float(data.labels.mean(dtype=np.float64))
    coefficients = np.zeros(1 + work.columns)
    coefficients[0] = np.log(rate / (1.0 - rate))
    return coefficients


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-z)), element by element."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-z)))


def train(work: Work, data: Data, passes: int) -> tuple[NDArray[np.float64], float]:
    """Coefficients in float64, intercept first (1 + columns,), and seconds per pass."""
    left = data.features[:, : work.left].astype(np.float64)
    right = data.features[:, work.left :].astype(np.float64)
    labels = data.labels.astype(np.float64)
    intercept, w_left, w_right = np.split(start(work, data), [1, 1 + work.left])
    started = time.perf_counter()
    for _ in range(passes):
        error = sigmoid(intercept + left @ w_left + right @ w_right) - labels
        intercept = intercept - work.step * error.sum()
        w_left -= work.step * (left.T @ error)
        w_right -= work.step * (right.T @ error)
    seconds = (time.perf_counter() - started) / passes
    return np.concatenate([intercept, w_left, w_right]), seconds
