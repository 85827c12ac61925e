"""The table of score bands, and what all rows with one decision bring."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.measures import Floats

from .params import DecideParams
from .record import Band, Choice, Zone

__all__ = ["Cells", "banded", "zones_of"]

CHOICES: tuple[Choice, ...] = ("approve", "manual", "refuse")
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """Neighbouring rows that are counted together, the lowest risk first. Arrays are (cells,)."""

    low: Floats
    """Lowest risk."""
    high: Floats
    positives: Counts
    negatives: Counts

    @property
    def rows(self) -> Counts:
        return self.positives + self.negatives


@dataclass(frozen=True)
class _Part:
    """Cells that are one band: from the first to the last, with the numbers of the bands they are of."""

    first: int
    last: int
    zone: int
    numbers: tuple[int, int]


def banded(
    cells: Cells,
    ends: tuple[int, int],
    edges: Sequence[float],
    risk: Floats,
    probabilities: Floats,
    params: DecideParams,
    least: int,
    *,
    points: bool,
) -> tuple[Band, ...]:
    """Bands of cells with the same decision; those with too few rows of either label join their neighbours.

    :param ends: how many cells are approved, and how many are not refused.
    :param edges: the least risk of each band but the first; bands of about equally many rows where there are
        none.
    """
    place = np.digitize(np.arange(len(cells.low)), ends).astype(np.int64)
    number = _numbers(cells, edges, params.bands)
    parts = _parts(cells, place, number, least)
    starts = np.array([cells.low[part.first] for part in parts])
    group = np.searchsorted(starts, risk, side="right") - 1
    sums = np.bincount(group, probabilities, minlength=len(parts))
    found = []
    for index, part in enumerate(parts):
        inside = slice(part.first, part.last + 1)
        rows, positives = int(cells.rows[inside].sum()), int(cells.positives[inside].sum())
        low, high = float(cells.low[part.first]), float(cells.high[part.last])
        rate, predicted = positives / rows, float(sums[index] / rows)
        worst = max(rate, predicted)
        limit = _limit(part, worst, params) if params.has_limits else None
        found.append(
            Band(
                band=index + 1,
                score_low=-high if points else low,
                score_high=-low if points else high,
                rows=rows,
                share=rows / len(risk),
                positives=positives,
                rate=rate,
                predicted=predicted,
                decision=CHOICES[part.zone],
                limit=limit,
                expected_loss=None if limit is None else rows * limit * params.loss_given_default * worst,
            )
        )
    return tuple(found)


def _numbers(cells: Cells, edges: Sequence[float], bands: int) -> Counts:
    """(cells,) of the band of each, from 0."""
    if edges:
        return np.searchsorted(np.array(edges), cells.low, side="right").astype(np.int64)
    last = np.cumsum(cells.rows)
    middle = 2 * last - cells.rows
    return np.asarray(middle * bands // (2 * last[-1]), np.int64)


def _parts(cells: Cells, place: Counts, number: Counts, least: int) -> list[_Part]:
    parts: list[_Part] = []
    for zone in range(len(CHOICES)):
        mine = np.flatnonzero(place == zone)
        own: list[_Part] = []
        for band in np.unique(number[mine]).tolist():
            inside = mine[number[mine] == band]
            part = _Part(int(inside[0]), int(inside[-1]), zone, (band, band))
            own = [*own[:-1], _joined(own[-1], part)] if own and _few(cells, own[-1], least) else [*own, part]
        if len(own) > 1 and _few(cells, own[-1], least):
            own = [*own[:-2], _joined(own[-2], own[-1])]
        parts += own
    return parts


def _joined(one: _Part, other: _Part) -> _Part:
    return _Part(one.first, other.last, one.zone, (one.numbers[0], other.numbers[1]))


def _few(cells: Cells, part: _Part, least: int) -> bool:
    inside = slice(part.first, part.last + 1)
    return min(int(cells.positives[inside].sum()), int(cells.negatives[inside].sum())) < least


def _limit(part: _Part, rate: float, params: DecideParams) -> float:
    """For each row of a band: nothing for the refused ones, the least where bands are joined."""
    if CHOICES[part.zone] == "refuse":
        return 0.0
    if params.limits:
        first, last = part.numbers
        return min(params.max_limit, *params.limits[first : last + 1])
    assert params.loss_cap is not None  # there are limits
    lost = rate * params.loss_given_default
    if lost * params.max_limit <= params.loss_cap:
        return params.max_limit
    return math.floor(params.loss_cap / lost / params.limit_step) * params.limit_step


def zones_of(bands: Sequence[Band], rows: int) -> tuple[Zone, ...]:
    """All rows with one decision, by decision."""
    found = []
    for choice in CHOICES:
        mine = [band for band in bands if band.decision == choice]
        count, positives = sum(band.rows for band in mine), sum(band.positives for band in mine)
        limited = bool(bands) and bands[0].limit is not None
        found.append(
            Zone(
                decision=choice,
                rows=count,
                share=count / rows,
                positives=positives,
                rate=positives / count if count else None,
                predicted=sum(band.predicted * band.rows for band in mine) / count if count else None,
                limit=sum((band.limit or 0.0) * band.rows for band in mine) if limited else None,
                expected_loss=sum(band.expected_loss or 0.0 for band in mine) if limited else None,
            )
        )
    return tuple(found)
