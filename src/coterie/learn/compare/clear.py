"""Two scores of the same rows, measured against each other and in money."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.measures import Z95, Floats, Labels, auc_interval, coarse, gain, ks, tally, two_sided

from .params import CompareParams
from .portfolio import Portfolio
from .record import Comparison, Difference, Exchange, Reclassification, Side, SwapCell, SwapSet

__all__ = ["Pair", "compared", "reclassified", "swapped"]


@dataclass(frozen=True)
class Pair:
    """The same rows, scored twice: probabilities of label 1."""

    labels: Labels
    first: Floats
    second: Floats
    exposure: Floats


def compared(pair: Pair, names: tuple[str, str], params: CompareParams, least: int = 0) -> Comparison:
    """All of it.

    :param names: of the two scores.
    :param least: rows of either label in every group of rows that is told of, for others than the label
        holder.

    Errors: CT-3016, CT-3028.
    """
    labels = pair.labels
    sides = [
        _side(name, labels, scores) for name, scores in zip(names, (pair.first, pair.second), strict=True)
    ]
    better = gain(labels, pair.first, pair.second)
    books = [Portfolio.of(labels, risk, pair.exposure, least) for risk in (pair.first, pair.second)]
    money = params.loss_given_default, params.margin
    return Comparison(
        frame=params.frame,
        guarded=bool(least),
        rows=len(labels),
        positives=int(labels.sum()),
        first=sides[0],
        second=sides[1],
        auc=Difference(
            difference=better.auc, low=better.low, high=better.high, z=better.z, p_value=better.p_value
        ),
        ks_difference=sides[0].ks - sides[1].ks,
        reclassification=reclassified(pair, params.cut_offs, least),
        swap=swapped(pair, params.approval, least),
        at_equal_approval=tuple(
            Exchange(
                target=share,
                first=books[0].at_approval(share, *money),
                second=books[1].at_approval(share, *money),
            )
            for share in params.approvals
        ),
        at_equal_bad_rate=tuple(
            Exchange(
                target=rate,
                first=books[0].at_bad_rate(rate, *money),
                second=books[1].at_bad_rate(rate, *money),
            )
            for rate in params.bad_rates
        ),
        loss_given_default=params.loss_given_default,
        margin=params.margin,
        exposure=params.exposure,
    )


def _side(name: str, labels: Labels, scores: Floats) -> Side:
    area, low, high = auc_interval(labels, scores)
    return Side(
        name=name,
        auc=area,
        auc_low=low,
        auc_high=high,
        gini=2 * area - 1,
        ks=ks(tally(labels, scores))[0],
        brier=float(np.mean((scores - labels) ** 2)),
    )


def reclassified(pair: Pair, cut_offs: tuple[float, ...], least: int = 0) -> Reclassification:
    """Net reclassification and integrated discrimination improvement with their standard errors
    [Pencina, D'Agostino, D'Agostino, Vasan 2008, Statistics in Medicine 27; 2011, ibid. 30].

    :param least: for others than the label holder: counts are told in so many, and without the two tables.
    """
    edges, classes = np.array(cut_offs), len(cut_offs) + 1
    old, new = (np.searchsorted(edges, scores, side="right") for scores in (pair.second, pair.first))
    ones = pair.labels == 1
    tables = [
        np.bincount(old[rows] * classes + new[rows], minlength=classes**2).reshape(classes, classes)
        for rows in (ones, ~ones)
    ]
    by_class = _net(np.sign(new - old), ones, least)
    return Reclassification(
        cut_offs=cut_offs,
        positives=() if least else _rows(tables[0]),
        negatives=() if least else _rows(tables[1]),
        nri_positives=by_class[0],
        nri_negatives=by_class[1],
        nri=by_class[2],
        nri_continuous=_net(np.sign(pair.first - pair.second), ones, least)[2],
        idi=_idi(pair.first - pair.second, ones),
    )


def _rows(table: NDArray[np.int64]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(count) for count in row) for row in table)


def _net(
    moves: NDArray[np.integer] | Floats, ones: NDArray[np.bool_], least: int
) -> tuple[float, float, Difference]:
    """:param moves: (rows,) 1 for up, -1 for down, 0 for the same."""

    def share(count: float, rows: NDArray[np.integer] | Floats) -> float:
        return (round(count / least) * least if least else count) / len(rows)

    of_ones, of_zeros = moves[ones], -moves[~ones]
    up, down = share(float(of_ones.sum()), of_ones), share(float(of_zeros.sum()), of_zeros)
    spread = [share(int(np.count_nonzero(one)), one) / len(one) for one in (of_ones, of_zeros)]
    return up, down, _test(up + down, math.sqrt(sum(spread)))


def _idi(rises: Floats, ones: NDArray[np.bool_]) -> Difference:
    parts = rises[ones], rises[~ones]
    if min(map(len, parts)) < 2:
        return _test(float(parts[0].mean() - parts[1].mean()), math.inf)
    error = math.sqrt(sum(float(one.var(ddof=1)) / len(one) for one in parts))
    return _test(float(parts[0].mean() - parts[1].mean()), error)


def _test(difference: float, error: float) -> Difference:
    """An interval that says nothing where there is no standard error: both measures lie within -2 and 2."""
    z, p_value = two_sided(difference, error)
    half = Z95 * error
    return Difference(
        difference=difference,
        low=max(-2.0, difference - half),
        high=min(2.0, difference + half),
        z=z,
        p_value=p_value,
    )


def swapped(pair: Pair, approval: float, least: int) -> SwapSet | None:
    """Whom either score approves at its highest cut with at most that share of the rows; others are told of
    the cuts between cells that are nearest to it.

    :param least: None is given where one of the four groups has fewer rows of either label.
    """
    approved = [_approved(pair.labels, scores, approval, least) for scores in (pair.first, pair.second)]
    if approved[0] is None or approved[1] is None:
        return None
    groups = (
        approved[0] & approved[1],
        approved[0] & ~approved[1],
        ~approved[0] & approved[1],
        ~approved[0] & ~approved[1],
    )
    cells = [_cell(pair.labels[rows]) for rows in groups]
    # An empty group tells of nobody.
    if any(cell.rows and min(cell.positives, cell.rows - cell.positives) < least for cell in cells):
        return None
    both, swapped_in, swapped_out, neither = cells
    return SwapSet(
        approval=approval, both=both, swapped_in=swapped_in, swapped_out=swapped_out, neither=neither
    )


def _approved(labels: Labels, scores: Floats, approval: float, least: int) -> NDArray[np.bool_] | None:
    counts = tally(labels, scores)
    if least:
        counts = coarse(counts, least)
    share = np.cumsum(counts.sizes[::-1]) / counts.rows
    if not least:
        groups = int(np.count_nonzero(share <= approval + 1e-12))
    elif len(share) > 1:
        groups = int(np.argmin(np.abs(share[:-1] - approval))) + 1
    else:
        return None
    if not groups:
        return np.zeros(len(labels), np.bool_)
    return np.asarray(scores <= counts.tops[::-1][groups - 1])


def _cell(labels: Labels) -> SwapCell:
    rows, positives = len(labels), int(labels.sum())
    return SwapCell(rows=rows, positives=positives, rate=positives / rows if rows else None)
