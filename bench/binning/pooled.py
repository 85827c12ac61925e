"""The peers: pandas and optbinning, on the pooled columns, in one process."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.binning.side import Run
from bench.binning.work import Work

Values = dict[str, float]


def measure(work: Work, features: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[Run, Values]:
    """Bin all columns once; information values by column."""
    columns = {f"x{index}": features[:, index].astype(np.float64) for index in range(work.columns)}
    bin_one = with_pandas if work.method == "quantile" else with_optbinning
    began = time.perf_counter()
    found = {name: bin_one(values, labels) for name, values in columns.items()}
    return Run(name_of(work), time.perf_counter() - began), found


def name_of(work: Work) -> str:
    return "pandas, pooled" if work.method == "quantile" else "optbinning, pooled"


def with_pandas(values: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Ten quantile bins, lower edges in."""
    edges = np.unique(np.quantile(values, np.arange(1, 10) / 10))
    index = pd.cut(values, [-np.inf, *edges, np.inf], right=False, labels=False)
    table = pd.crosstab(index, labels).to_numpy()
    good, bad = table[:, 0] / table[:, 0].sum(), table[:, 1] / table[:, 1].sum()
    return float(((good - bad) * np.log(good / bad)).sum())


def with_optbinning(values: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """At most six monotone bins out of twenty quantile bins: the better of both trends, as ours."""
    from optbinning import OptimalBinning

    edges = np.unique(np.quantile(values, np.arange(1, 20) / 20))
    best = 0.0
    for trend in ("ascending", "descending"):
        fitted = OptimalBinning(
            user_splits=edges,
            monotonic_trend=trend,
            max_n_bins=6,
            min_bin_size=0.05,
            min_bin_n_event=20,
            min_bin_n_nonevent=20,
        ).fit(values, labels)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of libraries about each other
            fitted.binning_table.build()
        best = max(best, float(fitted.binning_table.iv))
    return best
