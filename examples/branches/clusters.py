"""How near clusters of three branches' rows come to those of all rows in one place.

``python -m examples.branches.clusters`` runs the step ``kmeans`` on the standardised columns of the example's
branches, with groups of one row and of 20, and prints by how much the squared distances are above the best
that scikit-learn finds in ten starts on all rows together, over several numbers of starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from coterie.learn.kmeans import KmeansParams, clear
from coterie.learn.kmeans.groups import Grouped, grouped
from coterie.learn.pooled import alone

from .tables import BRANCHES, FEATURES, cut, fetch

BUILD = Path(__file__).parents[2] / "build"
STARTS = (1, 2, 3, 5, 10)
CLUSTERS = (4, 8)
SEEDS = 10

Floats = NDArray[np.float64]


def apart(rows: Floats, centres: Floats) -> float:
    """Sum of the squared distances of all rows from the nearest centre, as each party assigns its own."""
    return float((clear.distances(rows, centres)[1] ** 2).sum())


def of_branches(
    rows: Floats, clusters: int, least: int, starts: Sequence[int]
) -> dict[int, tuple[float, float]]:
    """By number of starts: squared distances of groups, which the result tells, and of the rows themselves.

    Groups are each branch's own; their sums are added up here, as sums over the branches are.
    """
    ends = np.cumsum(list(BRANCHES.values()))[:-1]

    def each_its_own(scaled: Floats, size: int) -> Grouped:
        parts = [grouped(part, size) for part in np.split(scaled, ends)]
        columns = zip(*((one.counts, one.means, one.squares) for one in parts), strict=True)
        return Grouped(*(np.concatenate(one) for one in columns))

    found = {}
    with patch.object(clear, "grouped", each_its_own):
        for count in starts:
            params = KmeansParams(clusters=clusters, starts=count)
            fitted = clear.fit(alone, rows, params, least)
            found[count] = fitted.inertia, apart(rows, fitted.centres)
    return found


def main() -> None:
    """Print the table of docs/components/kmeans.md."""
    files = cut(fetch(BUILD / "cache"), BUILD / "examples" / "clusters")
    tables = [pandas.read_csv(files[name])[list(FEATURES)] for name in BRANCHES]
    rows = pandas.concat(tables).to_numpy(dtype=np.float64)
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    print("| clusters | groups of | starts | groups, above | rows, above |\n|---|---|---|---|---|")
    for clusters in CLUSTERS:
        single = [KMeans(clusters, n_init=1, random_state=seed).fit(rows).inertia_ for seed in range(SEEDS)]
        best = min(single)
        above = [100 * (one / best - 1) for one in (float(np.mean(single)), max(single))]
        shown = [f"{one:.1f} %" for one in above]
        print(f"| {clusters} | scikit-learn | 1, of {SEEDS} seeds | | {shown[0]}, at most {shown[1]} |")
        for least in (1, 20):
            for count, (told, real) in of_branches(rows, clusters, least, STARTS).items():
                shown = [f"{100 * (one / best - 1):.1f} %" for one in (told, real)]
                print(f"| {clusters} | {least} | {count} | {shown[0]} | {shown[1]} |")


if __name__ == "__main__":
    main()
