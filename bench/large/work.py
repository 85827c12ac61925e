"""The work: a few passes of logistic regression over features that no process has in memory whole.

Features lie in one file for each party, column after column, float32; labels in another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.logistic.work import sigmoid

BLOCK = 1 << 17
"""Rows that are handled at once."""


@dataclass(frozen=True)
class Work:
    """A size to measure."""

    name: str
    rows: int
    widths: dict[str, int]
    """Columns of the first party, who holds the label too, and of the second."""
    passes: int = 3
    bound: float = 6.0
    """Of every feature: the data is cut there."""

    @property
    def columns(self) -> int:
        return sum(self.widths.values())

    @property
    def step(self) -> float:
        """Rate / rows, a power of two."""
        return float(2.0 ** -round(np.log2(self.rows)))

    @property
    def encoded_bytes(self) -> int:
        """Size of all features, encoded in the ring."""
        return self.rows * self.columns * 8


WORKS = (
    Work("lr_5000000x50", 5_000_000, {"left": 25, "right": 25}),
    Work("lr_5000000x50_at_one", 5_000_000, {"left": 50, "right": 0}),
)


def blocks(rows: int) -> Iterator[tuple[int, int]]:
    """First row and end of each block."""
    for start in range(0, rows, BLOCK):
        yield start, min(start + BLOCK, rows)


def generate(work: Work, directory: Path) -> Path:
    """The work's data, equal in every run; the folder with it."""
    folder = directory / work.name
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.Generator(np.random.PCG64(20261122))
    truth = generator.standard_normal(work.columns) / np.sqrt(work.columns)
    files = {
        party: np.memmap(folder / f"{party}.f4", np.float32, "w+", shape=(width, work.rows))
        for party, width in work.widths.items()
        if width
    }
    with (folder / "label.i1").open("wb") as labels:
        for start, stop in blocks(work.rows):
            block = generator.standard_normal((stop - start, work.columns), dtype=np.float32)
            np.clip(block, -work.bound, work.bound, out=block)
            chance = sigmoid(block @ truth - 0.5)
            labels.write((generator.random(stop - start) < chance).astype(np.int8).tobytes())
            first = 0
            for party, file in files.items():
                width = work.widths[party]
                file[:, start:stop] = block[:, first : first + width].T
                first += width
    return folder


def label(work: Work, folder: Path) -> NDArray[np.int8]:
    """All labels."""
    return np.fromfile(folder / "label.i1", np.int8, work.rows)


def column(work: Work, folder: Path, party: str, index: int) -> NDArray[np.float32]:
    """One column of a party."""
    return np.fromfile(folder / f"{party}.f4", np.float32, work.rows, offset=4 * work.rows * index)


def block(work: Work, folder: Path, start: int, stop: int) -> NDArray[np.float64]:
    """(rows, columns) of all parties, in float64."""
    columns = [
        np.fromfile(folder / f"{party}.f4", np.float32, stop - start, offset=4 * (work.rows * index + start))
        for party, width in work.widths.items()
        for index in range(width)
    ]
    return np.array(columns, dtype=np.float64).T
