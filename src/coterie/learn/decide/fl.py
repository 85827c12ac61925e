"""Scores and labels of all parties, counted by parts of about equally many rows, none of few rows of a party.

The parts lie between quantiles of the pooled scores (see :mod:`coterie.learn.pooled.quantiles`), and at
cut-offs and edges that are given. A party whose rows of a part are too few puts it together with its
neighbours, and spreads the rows of all evenly. Then rows stand for what was counted, each with the score at
the end of its part at which a cut-off parts it from the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.fl import EXACT
from coterie.learn.component import FrameShape, PlanContext, RunContext, Total
from coterie.learn.errors import NOT_FINITE, ONE_CLASS
from coterie.learn.measures import Floats, Labels, tellable
from coterie.learn.pooled import WHOLE, enough_beside, grouped_values, quantile_totals, quantiles
from coterie.learn.summed import SUMS, planned_sums

from .clear import Scale, borders_of, decided
from .params import DecideParams
from .record import Decided

__all__ = ["pooled_decision", "pooled_needs"]

COUNTED = (
    "rows of either label by part of the score, of all parties' rows; of each party none or no fewer than "
    "the smallest group with either label, spread over parts that are too small"
)
PREDICTED = "sums of the probabilities of these rows, by part of the score"
PARTS = 100
"""Of about equally many rows."""

Counts = NDArray[np.int64]


def pooled_needs(context: PlanContext, shape: FrameShape, params: DecideParams) -> dict[str, Any]:
    """What a plan says of it, as fields of a step plan. Errors: CT-3235."""
    enough_beside(context, shape)
    parts = _most(params)
    totals = [
        *quantile_totals(1, PARTS + 1),
        Total(COUNTED, 2 * parts, WHOLE, kind="metrics", fewer=True),
        Total(PREDICTED, parts, EXACT, kind="metrics", fewer=True),
    ]
    return {**planned_sums(context, totals, at_most=True), "statement": SUMS}


def _most(params: DecideParams) -> int:
    """Parts, at most: those between quantiles, one more with each border, and one beyond the last."""
    return PARTS + 2 + len(params.edges) + 2


@dataclass(frozen=True)
class _Grid:
    """Ends of parts, in units of risk, ascending."""

    ends: Floats
    """The least risk of each part but the first; where scores are points the largest of each but the last."""
    borders: Floats
    """Those of them that rows are not put together across, where there are enough on both sides."""
    points: bool

    def places(self, risk: Floats) -> NDArray[np.int64]:
        """(rows,) of the part of each."""
        return np.searchsorted(self.ends, risk, side="left" if self.points else "right")

    @property
    def stand(self) -> Floats:
        """(parts,) the risk that stands for all rows of a part."""
        if self.points:
            return np.append(self.ends, np.nextafter(self.ends[-1], np.inf))
        return np.append(np.nextafter(self.ends[0], -np.inf), self.ends)

    @property
    def runs(self) -> list[slice]:
        """Parts between borders."""
        stops = [*(np.searchsorted(self.ends, self.borders) + 1).tolist(), len(self.ends) + 1]
        return [slice(start, stop) for start, stop in pairwise([0, *stops])]


def pooled_decision(
    context: RunContext, scores: Floats, model: str, params: DecideParams, scale: Scale
) -> Decided:
    """As :func:`~coterie.learn.decide.clear.decided`, of all parties' rows; equal at all of them.

    :param scores: (rows,) of this party's.

    Errors: CT-3016, CT-3028, CT-3166; CT-1501, CT-1502 for own labels.
    """
    labels, least = context.frames[params.frame].labels(), context.planning.min_group
    risk, adding = scale.risk(scores), context.sums().total
    if not np.isfinite(risk).all():
        raise NOT_FINITE("among the scores")
    found = quantiles(adding, [grouped_values(risk, least)[0]], np.arange(PARTS + 1) / PARTS)[0]
    grid = _grid(found.values, params, scale)
    counts, sums = _own(labels, grid.places(risk), scale.probabilities(scores), grid, least)
    told = np.rint(adding(COUNTED, counts.ravel().astype(np.float64), WHOLE)).astype(np.int64)
    negatives, positives = told.reshape(2, -1)
    predicted = adding(PREDICTED, sums, EXACT) / np.maximum(negatives + positives, 1)
    if not positives.sum() or not negatives.sum():
        raise ONE_CLASS("of the rows that are counted")
    tellable(int(positives.sum()), int(negatives.sum()), least, context.step)
    places = np.repeat(np.tile(np.arange(len(positives)), 2), told)
    stands = -grid.stand if scale.points else grid.stand
    return decided(
        np.repeat(np.array([0, 1], np.int8), [negatives.sum(), positives.sum()]),
        stands[places],
        model,
        params,
        scale,
        least,
        guarded=True,
        predicted=predicted[places],
    )


def _grid(cuts: Floats, params: DecideParams, scale: Scale) -> _Grid:
    borders = np.array(borders_of(params, scale))
    if scale.points and len(borders):  # the largest risk of the better side
        borders = np.nextafter(borders, -np.inf)
    known = cuts[~np.isnan(cuts)]
    ends = np.unique(np.concatenate([known, borders, [] if len(known) else [0.0]]))
    return _Grid(ends, borders, scale.points)


def _own(
    labels: Labels, places: NDArray[np.int64], probabilities: Floats, grid: _Grid, least: int
) -> tuple[Counts, Floats]:
    """(2, parts) rows with label 0 and 1, and (parts,) sums of their probabilities, as they are told."""
    parts = len(grid.ends) + 1
    raw = np.array([np.bincount(places[labels == label], minlength=parts) for label in (0, 1)])
    sums = np.bincount(places, probabilities, minlength=parts)
    counts, told = np.zeros((2, parts), np.int64), np.zeros(parts)
    for span in _joined([(run, _spans(raw[:, run], run.start, least)) for run in grid.runs]):
        width = span.stop - span.start
        for row, own in zip(counts, raw, strict=True):
            row[span] = np.diff(np.arange(width + 1) * own[span].sum() // width)
        rows = counts[:, span].sum()
        told[span] = counts[:, span].sum(axis=0) * (sums[span].sum() / max(rows, 1))
    return counts, told


def _spans(raw: Counts, first: int, least: int) -> list[slice]:
    """Neighbouring parts with enough rows of either label together; none where all have too few."""
    ends: list[int] = []
    seen = np.zeros(2, np.int64)
    for number, both in enumerate(raw.T):
        seen += both
        if seen.min() >= max(1, least):
            ends.append(first + number + 1)
            seen[:] = 0
    if ends and seen.any():
        ends[-1] = first + raw.shape[1]
    return [slice(start, end) for start, end in zip([first, *ends[:-1]], ends, strict=True)] if ends else []


def _joined(runs: list[tuple[slice, list[slice]]]) -> list[slice]:
    """All spans; a run that has none, though it may have rows, goes with its neighbour's nearest one."""
    found: list[slice] = []
    waiting: int | None = None
    for run, spans in runs:
        if not spans and found:
            found[-1] = slice(found[-1].start, run.stop)
        elif not spans:
            waiting = run.start if waiting is None else waiting
        else:
            begin = spans[0].start if waiting is None else waiting
            found += [slice(begin, spans[0].stop), *spans[1:]]
            waiting = None
    return found
