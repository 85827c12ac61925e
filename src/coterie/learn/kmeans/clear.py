"""Lloyd's iterations [Lloyd 1982] over totals: each contributor has rows of its own, and all move the centres
by the sums of all of them. With one contributor these are scikit-learn's ``KMeans`` from the same start.

The start is made of sums, too, as nobody may show a row [Su, Dy 2007]: of all rows as one cluster, and then
of the clusters so far the one with the largest inertia is divided, across the feature with the largest
deviation in it, until there are enough. Further starts divide it across another direction, drawn by the seed.

Centres are the same quotients of the same totals at every contributor, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.fl import EXACT
from coterie.learn.component import Total
from coterie.learn.errors import CONSTANT_FEATURE
from coterie.learn.kmeans.errors import TOO_FEW_ROWS
from coterie.learn.kmeans.groups import Grouped, grouped
from coterie.learn.kmeans.params import KmeansParams
from coterie.learn.kmeans.statement import SPLITS, STEPS
from coterie.learn.linear import Floats, turned
from coterie.learn.pooled import Adding, moment_totals, pooled_moments

__all__ = ["Fitted", "distances", "fit", "totals"]

_BLOCK = 1 << 14
_HALF = 0.5
"""Of a deviation: how far the two parts of a cluster begin from its centre."""


@dataclass(frozen=True)
class Fitted:
    """Equal at all contributors."""

    centres: Floats
    """(clusters, width), in the features' units."""
    sizes: tuple[int, ...]
    """Rows that were counted in each."""
    inertia: float
    """Sum of the squared distances of all rows that were counted from their centre."""
    spread: float
    """The same of their distances from the mean of all rows."""
    start: Floats
    """(clusters asked for, width)"""
    inertias: tuple[float, ...]
    """That each start came to."""
    iterations: int
    """Of the start that counts."""
    converged: bool


def totals(width: int, params: KmeansParams) -> tuple[Total, ...]:
    """What :func:`fit` takes, at most."""
    step = 1 + params.clusters * (1 + width)
    starts = params.beginnings
    found = [Total(STEPS, step, EXACT, times=starts * (params.iterations + 1), kind="coefficients")]
    if params.centres is None:
        split = 1 + (params.clusters - 1) * (1 + 2 * width)
        times = starts * (params.clusters - 1)
        found.append(Total(SPLITS, split, EXACT, times=times, kind="coefficients", fewer=True))
    return (*moment_totals(width), *found)


def fit(
    adding: Adding,
    values: Floats,
    params: KmeansParams,
    least: int,
    smallest: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Fitted:
    """Find clusters.

    :param values: (rows, width) of this contributor, complete.
    :param least: rows of this contributor that count as one, at least: see :mod:`.groups`.
    :param smallest: clusters of fewer rows are given up in the end, one after another, and their rows go to
        the others. For who has all rows: totals have none.
    :param progress: called with the number of iterations so far.

    Errors: CT-3025 where no feature varies, CT-3028, CT-3281; those of the sums.
    """
    if 0 < len(values) < least:
        raise TOO_FEW_ROWS(f"{len(values)} rows, and groups are of {least}")
    found = pooled_moments(adding, values)
    means, deviations = found.means[0], found.deviations[0]
    if not deviations.max() > 0:
        raise CONSTANT_FEATURE("none of the features varies")
    if found.rows[0] < params.clusters:
        raise TOO_FEW_ROWS(f"{found.rows[0]} rows, {params.clusters} clusters")
    unit = float(np.ldexp(1.0, np.frexp(deviations.max())[1]))
    variance = math.fsum(((deviations / unit) ** 2).tolist()) / len(deviations)
    rows = grouped(np.asarray((values - means) / unit), least)
    lloyd = _Lloyd(adding, rows, params, variance, progress)
    ends: list[_End] = []
    for number in range(params.beginnings):
        given = params.centres
        ends.append(lloyd.run(lloyd.spread(number) if given is None else (np.array(given) - means) / unit))
    # A row's share: starts may be of other parties' rows, where some were lost in between.
    best = min(ends, key=lambda one: one.inertia / max(1.0, float(one.sums.counts.sum())))
    end = best.without_empty()
    while len(end.centres) > 1 and min(end.sums.counts) < smallest:
        end = lloyd.run(np.delete(end.centres, int(np.argmin(end.sums.counts)), axis=0)).without_empty()
    return Fitted(
        centres=end.centres * unit + means,
        sizes=tuple(np.rint(end.sums.counts).astype(int).tolist()),
        inertia=max(0.0, end.inertia) * unit * unit,
        spread=end.sums.spread * unit * unit,
        start=best.start * unit + means,
        inertias=tuple(max(0.0, one.inertia) * unit * unit for one in ends),
        iterations=best.iterations,
        converged=best.converged,
    )


@dataclass(frozen=True)
class _Sums:
    """What was told of clusters around some centres."""

    square: float
    """Sum of all squares."""
    counts: Floats
    """(clusters,)"""
    sums: Floats
    """(clusters, width)"""
    squares: Floats | None = None
    """(clusters, width)"""

    def means(self, otherwise: Floats) -> Floats:
        """(clusters, width); of a cluster without rows what it was."""
        some = self.counts[:, None] > 0
        return np.where(some, self.sums / np.where(some, self.counts[:, None], 1.0), otherwise)

    @property
    def spread(self) -> float:
        """Sum of the squared distances from the mean of all rows."""
        whole = self.sums.sum(axis=0)
        return max(0.0, self.square - math.fsum((whole * whole).tolist()) / float(self.counts.sum()))

    def inertia(self, centres: Floats) -> float:
        """Sum of the squared distances from the centres."""
        crossed = math.fsum((centres * self.sums).ravel().tolist())
        own = math.fsum((self.counts[:, None] * centres * centres).ravel().tolist())
        return self.square - 2 * crossed + own


@dataclass(frozen=True)
class _End:
    """What a start came to."""

    start: Floats
    centres: Floats
    sums: _Sums
    """Around these centres."""
    inertia: float
    iterations: int
    converged: bool

    def without_empty(self) -> _End:
        some = self.sums.counts > 0
        if not some.any():
            return self
        kept = _Sums(self.sums.square, self.sums.counts[some], self.sums.sums[some])
        return _End(self.start, self.centres[some], kept, self.inertia, self.iterations, self.converged)


class _Lloyd:
    """One contributor's part, on the common scale."""

    def __init__(
        self,
        adding: Adding,
        rows: Grouped,
        params: KmeansParams,
        variance: float,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._adding, self._rows = adding, rows
        self._params, self._variance, self._progress = params, variance, progress
        self._looks, self._square = 0, float(rows.squares.sum())

    def run(self, start: Floats) -> _End:
        """Iterate from these centres."""
        centres, number, converged = start, 0, False
        told = self._told(STEPS, centres)
        while number < self._params.iterations and not converged:
            number += 1
            new = told.means(centres)
            moved = math.fsum(((new - centres) ** 2).ravel().tolist())
            centres = new
            converged = moved <= self._params.tolerance * self._variance
            if moved > 0:
                told = self._told(STEPS, centres)
        return _End(start, centres, told, told.inertia(centres), number, converged)

    def spread(self, number: int) -> Floats:
        """(clusters, width) to start with. :param number: of the start; 0 draws nothing."""
        random = np.random.default_rng((self._params.seed, number))
        centres = np.zeros((1, self._rows.means.shape[1]))
        while len(centres) < self._params.clusters:
            told = self._told(SPLITS, centres)
            assert told.squares is not None
            centres = told.means(centres)
            around = np.maximum(0.0, told.squares - told.counts[:, None] * centres * centres)
            worst = int(np.argmax([math.fsum(one) for one in around.tolist()]))
            deviation = np.sqrt(around[worst] / max(1.0, float(told.counts[worst])))
            if number == 0:
                across = np.where(np.arange(len(deviation)) == np.argmax(deviation), 1.0, 0.0)
            else:
                across = 2.0 * random.random(len(deviation)) - 1.0
            step = _HALF * across * deviation
            centres = np.vstack([centres, centres[worst] + step])
            centres[worst] -= step
        return centres

    def _told(self, what: str, centres: Floats) -> _Sums:
        """The totals around centres, with squares where the start is made."""
        self._looks += 1
        if self._progress is not None:
            self._progress(self._looks)
        (clusters, width), rows = centres.shape, self._rows
        own: list[Floats] = [np.zeros(1), np.zeros(clusters), np.zeros((clusters, width))]
        if what == SPLITS:
            own.append(np.zeros((clusters, width)))
        cluster = nearest(rows.means, centres)
        own[0] += self._square
        own[1] += np.bincount(cluster, rows.counts, clusters)
        for feature in range(width):
            own[2][:, feature] = np.bincount(cluster, rows.counts * rows.means[:, feature], clusters)
            if what == SPLITS:
                own[3][:, feature] = np.bincount(cluster, rows.squares[:, feature], clusters)
        told = self._adding(what, np.concatenate([part.ravel() for part in own]), EXACT)
        counts, rest = np.rint(told[1 : 1 + clusters]), told[1 + clusters :].reshape(-1, clusters, width)
        return _Sums(float(told[0]), counts, rest[0], rest[1] if what == SPLITS else None)


def nearest(rows: Floats, centres: Floats) -> NDArray[np.int64]:
    """(rows,) the number of the nearest centre, the first of equally near ones."""
    found = np.empty(len(rows), np.int64)
    lengths = np.einsum("ij,ij->i", centres, centres)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        found[start : start + len(block)] = np.argmin(lengths - 2.0 * turned(block, centres.T), axis=1)
    return found


def distances(rows: Floats, centres: Floats) -> tuple[NDArray[np.int64], Floats]:
    """(rows,) the number of the nearest centre, and (rows,) the distance from it."""
    about = centres.mean(axis=0)
    cluster = nearest(rows - about, centres - about)
    apart = rows - centres[cluster]
    return cluster, np.sqrt(np.einsum("ij,ij->i", apart, apart))
