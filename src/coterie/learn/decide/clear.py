"""A decision rule from scores and labels: cut-offs, what they bring, and a table by band of the score.

Rows are put in order of *risk*, which is the probability of label 1, or points with their sign turned. What
is counted are *cells*: neighbouring rows with enough rows of either label, between cut-offs and edges that
are given. Cut-offs that are sought lie between cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from coterie.learn.measures import Floats, Labels, Tally, coarse, tally

from .params import DecideParams
from .record import Decided, Target
from .table import Cells, banded, zones_of

__all__ = ["Scale", "borders_of", "decided"]


@dataclass(frozen=True)
class Scale:
    """How scores, risk and probabilities go together."""

    points: bool
    probabilities: Callable[[Floats], Floats]
    """Of label 1, for scores."""

    def risk(self, scores: Floats) -> Floats:
        return -scores if self.points else scores

    def begins(self, score: float) -> float:
        """The least risk on the worse side of a score that is a cut-off or an edge: points from it on are on
        the better side, probabilities from it on are on the worse one."""
        return float(np.nextafter(-score, np.inf)) if self.points else score

    def cut_off(self, cells: Cells, below: int) -> float:
        """The score that parts the first cells from the others: in points the lowest of the better side, as a
        probability the lowest of the worse side; beyond all scores where one side is empty."""
        if self.points:
            return float(-cells.high[below - 1] if below else 1 - cells.low[0])
        if below < len(cells.low):
            return float(cells.low[below])
        return max(1.0, float(np.nextafter(cells.high[-1], np.inf)))


def decided(
    labels: Labels,
    scores: Floats,
    model: str,
    params: DecideParams,
    scale: Scale,
    least: int,
    *,
    guarded: bool,
    predicted: Floats | None = None,
) -> Decided:
    """The rule and what it brings.

    :param least: rows of either label in every group of rows that is told of.
    :param guarded: for others than the label holder, who are told nothing of the rows where one decision has
        too few.
    :param predicted: (rows,) probabilities of label 1; those of the scores where they are not given.

    Errors: CT-3016, CT-3028.
    """
    risk = scale.risk(scores)
    counts, edges = tally(labels, risk), sorted(scale.begins(edge) for edge in params.edges)
    given = _given(params, scale) or ()
    cells = _cells(counts, borders_of(params, scale), least)
    targets: tuple[Target, ...] = ()
    if given:
        ends = (int(np.count_nonzero(cells.high < given[0])), int(np.count_nonzero(cells.high < given[1])))
    else:
        ends, targets = _sought(cells, params)
    expected = scale.probabilities(scores) if predicted is None else predicted
    bands = banded(cells, ends, edges, risk, expected, params, least, points=scale.points)
    zones = zones_of(bands, counts.rows)
    shown = not guarded or all(
        not zone.rows or min(zone.positives, zone.rows - zone.positives) >= least for zone in zones
    )
    cut_offs = [
        one if one is not None else scale.cut_off(cells, end)
        for one, end in zip((params.approve, _refuse(params)), ends, strict=True)
    ]
    probabilities = scale.probabilities(np.array(cut_offs))
    return Decided(
        model=model,
        frame=params.frame,
        unit="points" if scale.points else "probability",
        guarded=guarded,
        rows=counts.rows,
        positives=counts.totals[0],
        approve=cut_offs[0],
        refuse=cut_offs[1],
        approve_probability=float(probabilities[0]),
        refuse_probability=float(probabilities[1]),
        targets=targets,
        zones=zones if shown else (),
        bands=bands if shown else (),
        loss_given_default=params.loss_given_default,
    )


def borders_of(params: DecideParams, scale: Scale) -> list[float]:
    """Least risks beyond the cut-offs and edges that are given, ascending."""
    edges = (scale.begins(edge) for edge in params.edges)
    return sorted({*edges, *(_given(params, scale) or ())})


def _refuse(params: DecideParams) -> float | None:
    return params.approve if params.refuse is None else params.refuse


def _given(params: DecideParams, scale: Scale) -> tuple[float, float] | None:
    """The least risk of rows that are not approved, and of those that are refused."""
    refuse = _refuse(params)
    if params.approve is None or refuse is None:
        return None
    return scale.begins(params.approve), scale.begins(refuse)


def _cells(counts: Tally, borders: list[float], least: int) -> Cells:
    """Between borders, each the least risk of a new part; the lowest risk first."""
    part: NDArray[np.intp] = np.searchsorted(np.array(borders), counts.scores, side="right")
    pieces = [_slice(counts, part == number) for number in np.unique(part)[::-1]]
    whole = [coarse(piece, least) for piece in pieces]
    return Cells(
        *(
            np.concatenate([getattr(one, name) for one in whole])[::-1]
            for name in ("scores", "tops", "positives", "negatives")
        )
    )


def _slice(counts: Tally, groups: NDArray[np.bool_]) -> Tally:
    return Tally(*(getattr(counts, field.name)[groups] for field in fields(Tally)))


def _sought(cells: Cells, params: DecideParams) -> tuple[tuple[int, int], tuple[Target, ...]]:
    """How many cells are approved, and how many are not refused."""
    rows, positives = (np.concatenate(([0], np.cumsum(part))) for part in (cells.rows, cells.positives))
    total, last = int(rows[-1]), len(rows) - 1
    targets: list[Target] = []
    if params.max_bad_rate is not None:
        fits = np.flatnonzero(positives[1:] <= params.max_bad_rate * rows[1:] * (1 + 1e-12)) + 1
        approved = int(fits[-1]) if len(fits) else 0
        reached = float(positives[approved] / rows[approved]) if approved else None
        targets.append(
            Target(name="max_bad_rate", wanted=params.max_bad_rate, reached=reached, met=approved > 0)
        )
    else:
        assert params.min_approval is not None  # one of the two is
        approved = int(np.searchsorted(rows, params.min_approval * total * (1 - 1e-12)))
    if params.min_approval is not None:
        share = float(rows[approved] / total)
        met = share >= params.min_approval * (1 - 1e-12)
        targets.append(Target(name="min_approval", wanted=params.min_approval, reached=share, met=met))
    kept = approved
    if params.manual:
        wanted = rows[approved] + params.manual * total * (1 - 1e-12)
        kept = min(last, int(np.searchsorted(rows, wanted)))
        share = float((rows[kept] - rows[approved]) / total)
        met = share >= params.manual * (1 - 1e-12)
        targets.append(Target(name="manual", wanted=params.manual, reached=share, met=met))
    return (approved, kept), tuple(targets)
