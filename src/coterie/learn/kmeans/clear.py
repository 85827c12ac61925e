"""Lloyd's iterations [Lloyd 1982] over totals: each contributor has rows of its own, and all move the centres
by the sums of all of them. With one contributor these are scikit-learn's ``KMeans`` from the same start.

The start is made of sums, too, as nobody may show a row [Su, Dy 2007]: of all rows as one cluster, and then
of the clusters so far the one with the largest inertia is divided, across the feature with the largest
deviation in it, until there are enough. Further starts divide it across another direction, drawn by the seed.
Starts go side by side, in the same totals: they take as many as the longest of them.

Centres are the same quotients of the same totals at every contributor, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
_TOGETHER = 1 << 18
"""Numbers of a total that starts side by side may fill."""
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
    together = _together(width, params)
    turns = -(-params.beginnings // together)
    step, times = 1 + together * params.clusters * (1 + width), turns * (params.iterations + 1)
    found = [Total(STEPS, step, EXACT, times=times, kind="coefficients", fewer=True)]
    if params.centres is None:
        split = 1 + together * (params.clusters - 1) * (1 + 2 * width)
        times = turns * (params.clusters - 1)
        found.append(Total(SPLITS, split, EXACT, times=times, kind="coefficients", fewer=True))
    return (*moment_totals(width), *found)


def _together(width: int, params: KmeansParams) -> int:
    """How many starts go side by side."""
    return max(1, min(params.beginnings, _TOGETHER // (params.clusters * (1 + 2 * width))))


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
    if params.centres is not None:
        ends = lloyd.run([(np.array(params.centres) - means) / unit])
    while len(ends) < params.beginnings:
        numbers = range(len(ends), min(params.beginnings, len(ends) + _together(values.shape[1], params)))
        ends += lloyd.run(lloyd.spread(numbers))
    # A row's share: starts may be of other parties' rows, where some were lost in between.
    best = min(ends, key=lambda one: one.inertia / max(1.0, float(one.sums.counts.sum())))
    end = best.without_empty()
    while len(end.centres) > 1 and min(end.sums.counts) < smallest:
        (left,) = lloyd.run([np.delete(end.centres, int(np.argmin(end.sums.counts)), axis=0)])
        end = left.without_empty()
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

    def run(self, starts: Sequence[Floats]) -> list[_End]:
        """Iterate from each of these centres, side by side."""
        told = self._told(STEPS, starts)
        ends = [
            _End(start, start, one, one.inertia(start), 0, False)
            for start, one in zip(starts, told, strict=True)
        ]
        while going := [
            place
            for place, end in enumerate(ends)
            if not end.converged and end.iterations < self._params.iterations
        ]:
            moving = []
            for place in going:
                end = ends[place]
                new = end.sums.means(end.centres)
                moved = math.fsum(((new - end.centres) ** 2).ravel().tolist())
                converged = moved <= self._params.tolerance * self._variance
                ends[place] = replace(end, centres=new, iterations=end.iterations + 1, converged=converged)
                if moved > 0:
                    moving.append(place)
            if moving:
                told = self._told(STEPS, [ends[place].centres for place in moving])
                for place, one in zip(moving, told, strict=True):
                    ends[place] = replace(ends[place], sums=one, inertia=one.inertia(ends[place].centres))
        return ends

    def spread(self, numbers: Sequence[int]) -> list[Floats]:
        """(clusters, width) to start with, for each. :param numbers: of the starts; 0 draws nothing."""
        drawn = [np.random.default_rng((self._params.seed, number)) for number in numbers]
        found = [np.zeros((1, self._rows.means.shape[1])) for _ in numbers]
        for _ in range(self._params.clusters - 1):
            told = self._told(SPLITS, found)
            found = [
                _divided(one, centres, random if number else None)
                for one, centres, number, random in zip(told, found, numbers, drawn, strict=True)
            ]
        return found

    def _told(self, what: str, around: Sequence[Floats]) -> list[_Sums]:
        """The totals around each of these centres, with squares where the start is made."""
        self._looks += 1
        if self._progress is not None:
            self._progress(self._looks)
        own = [np.array([self._square]), *(self._own(what, centres).ravel() for centres in around)]
        told, place, found = self._adding(what, np.concatenate(own), EXACT), 1, []
        for centres in around:
            (clusters, width), parts = centres.shape, 2 if what == SPLITS else 1
            end = place + clusters * (1 + parts * width)
            counts = np.rint(told[place : place + clusters])
            rest = told[place + clusters : end].reshape(parts, clusters, width)
            found.append(_Sums(float(told[0]), counts, rest[0], rest[1] if parts == 2 else None))
            place = end
        return found

    def _own(self, what: str, centres: Floats) -> Floats:
        """This contributor's counts, sums and, where the start is made, squares."""
        (clusters, width), rows = centres.shape, self._rows
        cluster = nearest(rows.means, centres)
        counts = np.zeros(clusters)
        counts += np.bincount(cluster, rows.counts, clusters)
        sums = np.zeros((clusters, width))
        squares = np.zeros((clusters, width))
        for feature in range(width):
            sums[:, feature] = np.bincount(cluster, rows.counts * rows.means[:, feature], clusters)
            if what == SPLITS:
                squares[:, feature] = np.bincount(cluster, rows.squares[:, feature], clusters)
        parts = [counts, sums.ravel()]
        if what == SPLITS:
            parts.append(squares.ravel())
        return np.concatenate(parts)


def _divided(told: _Sums, before: Floats, random: np.random.Generator | None) -> Floats:
    """One cluster more: the one with the largest inertia is divided, across its widest feature or, where
    something draws, another direction."""
    assert told.squares is not None
    centres = told.means(before)
    around = np.maximum(0.0, told.squares - told.counts[:, None] * centres * centres)
    worst = int(np.argmax([math.fsum(one) for one in around.tolist()]))
    deviation = np.sqrt(around[worst] / max(1.0, float(told.counts[worst])))
    if random is None:
        across = np.where(np.arange(len(deviation)) == np.argmax(deviation), 1.0, 0.0)
    else:
        across = 2.0 * random.random(len(deviation)) - 1.0
    step = _HALF * across * deviation
    parted = np.vstack([centres, centres[worst] + step])
    parted[worst] -= step
    return parted


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
