"""The tables that two owners bring, as Parquet files: own columns, the same customers, each in its own order.

The credit table is the demo's (150,000 borrowers, fetched by name from the package registry and checked); in
truth one holder had all columns. The large one is made here.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from bench.logistic.work import sigmoid
from examples.credit_score.data import LABEL, LENDER, PAYMENTS, fetch

ROOT: Final = Path(__file__).resolve().parents[2]
OWNERS: Final = ("lender", "payments")
"""The first holds the label."""
ID: Final = "customer"
SEED: Final = 20261122
THREADS: Final = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Work:
    """A size to measure."""

    name: str
    rows: int
    columns: dict[str, tuple[str, ...]]
    """Features by owner, in model order."""
    label: str
    trees: int
    depth: int = 6
    rate: float = 0.05

    @property
    def params(self) -> dict[str, Any]:
        """Of the component ``boosting``; all others are XGBoost's defaults."""
        rate, threads = self.rate, THREADS
        return {"rounds": self.trees, "max_depth": self.depth, "learning_rate": rate, "threads": threads}


CREDIT: Final = Work(
    "xgboost_150000x10", 150_000, {"lender": LENDER, "payments": PAYMENTS}, label=LABEL, trees=300
)
LARGE: Final = Work(
    "xgboost_1000000x50",
    1_000_000,
    {owner: tuple(f"{owner}{number}" for number in range(25)) for owner in OWNERS},
    label="bad",
    trees=100,
)
WORKS: Final = (CREDIT, LARGE)


def generate(work: Work, directory: Path) -> dict[str, Path]:
    """The work's data, equal in every run: a Parquet file of each owner. One that is there stays."""
    folder = directory / work.name
    files = {owner: folder / f"{owner}.parquet" for owner in OWNERS}
    if all(path.exists() for path in files.values()):
        return files
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.Generator(np.random.PCG64(SEED))
    values = _credit() if work is CREDIT else _synthetic(work, generator)
    ids = np.array([f"C{number:07d}" for number in range(work.rows)])
    for owner, path in files.items():
        order = generator.permutation(work.rows)
        label = (work.label,) if owner == OWNERS[0] else ()
        columns = {name: _taken(values[name], order) for name in (*label, *work.columns[owner])}
        draft = path.with_suffix(".part")
        pq.write_table(pa.table({ID: pa.array(ids[order]), **columns}), draft)
        draft.rename(path)
    return files


def _taken(values: NDArray[Any], order: NDArray[np.int64]) -> pa.Array:
    return pa.array(values[order], from_pandas=True)  # NaN is how NumPy says that a value is missing


def _credit() -> Mapping[str, NDArray[Any]]:
    rows = list(csv.DictReader(io.StringIO(fetch(ROOT / "build" / "cache").decode("ascii"))))
    found: dict[str, NDArray[Any]] = {LABEL: np.array([int(row[LABEL]) for row in rows])}
    for name in (*LENDER, *PAYMENTS):
        found[name] = np.array([float(row[name]) if row[name] not in ("", "NA") else np.nan for row in rows])
    return found


def _synthetic(work: Work, generator: np.random.Generator) -> Mapping[str, NDArray[Any]]:
    """Independent features, every fifth of them uneven; a label of sums and of a few products."""
    names = [name for owned in work.columns.values() for name in owned]
    raw = generator.standard_normal((len(names), work.rows))
    raw[::5] = np.exp(raw[::5])
    weights = generator.standard_normal(len(names)) / np.sqrt(len(names))
    score = weights @ raw + 0.5 * raw[1] * raw[-2] - 0.5 * raw[2] * raw[3] - 0.5
    bad = (generator.random(work.rows) < sigmoid(score)).astype(np.int64)
    return {work.label: bad, **dict(zip(names, raw, strict=True))}
