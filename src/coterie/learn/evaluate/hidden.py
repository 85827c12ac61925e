"""Measures of scores on hidden rows: counted and computed on shares, of the common rows alone.

With m the shared membership of a row, y its label and z its shared log-odds:

1. *Levels.* z is rounded to a multiple of 1/32, to one of the two next to it at random and without bias, and
   cut at -8 and 255/32: that leaves 512 levels.
2. *Counts.* A level is 32 times one digit and another; both become one-hot vectors h and l, of 16 and 32
   places, which make the fewest words to open. The shared counts of rows with 1, and of rows with 0, at all
   levels together are a product of matrices: of the columns h m y and h m (1 - y), and l. A row that is not
   common has m = 0, and counts nowhere.
3. *Measures.* All are functions of these counts: AUC, in which rows of one level count one half, and KS, of
   running sums; the mean log-loss, the Brier score and the mean prediction, of sums weighted by public
   functions of the level; predictions against labels in bands between public probabilities.
4. Bands are taken together, from the highest down, into cells with enough rows of either label, as
   :func:`coterie.learn.measures.coarse` does in the clear; and nothing is told unless all rows together are
   such a cell.

So ties apart, a measure is that of scores of which each is off by less than 1/32 in its log-odds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie.learn.component import FrameShape
from coterie.learn.scoring import HiddenFacts
from coterie.mpc import Bits, Context, Program, Secret, functions

__all__ = ["BANDS", "CELLS", "ENOUGH", "LABEL", "MEASURES", "MEMBER", "TOLD", "Task", "measuring"]

MEMBER, LABEL = "member", "label"
ENOUGH, TOLD, CELLS = "whether there are enough rows of either label", "measures and cells", "which cells"
MEASURES = ("auc", "ks", "log_loss", "brier", "positive_rate", "predicted_rate", "calibration_error")
LEVEL_FRAC = 5
LOW, HIGH = 32, 16
"""Places of the digits."""
LEVELS = LOW * HIGH
LOWEST = -8.0
ODDS = LOWEST + np.arange(LEVELS) / 2.0**LEVEL_FRAC
BANDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
"""Probabilities between the bands, as the risk classes of a portfolio lie: close together where it is low."""
TOLD_FRAC = 12
"""Fractional bits of what is told."""
RATE_FRAC = 24
SUM_FRAC = 10
WEIGHT_FRAC = 18
LARGEST = 1.01
"""Of what is 1 at most, with rounding."""


@dataclass(frozen=True)
class Task:
    """What is public of the rows."""

    parties: tuple[str, ...]
    holder: str
    shape: FrameShape
    group: int
    """So many rows of either label must there be in all, and in every cell."""
    most: int
    """Common rows."""
    to: tuple[str, ...]


def measuring(task: Task, facts: HiddenFacts) -> Program:
    """Tells ``task.to`` the ``MEASURES``; and of each band, the highest first, share of rows, prediction and
    share of label 1 in the cell that ends with it, or zeros where none does."""

    def program(ctx: Context) -> None:
        with ctx.section("scoring"):
            logits = facts.logits(ctx, task.shape)
        with ctx.section("levels"):
            low, high = _digits(ctx, logits)
        with ctx.section("counting"):
            counts = _counts(ctx, task, low, high)
        with ctx.section("measures"):
            _Measures(ctx, task, counts).tell()

    return program


def _digits(ctx: Context, logits: Secret) -> tuple[Secret, Secret]:
    """(rows, 32) and (rows, 16): one-hot vectors of the level's lower and higher digit."""
    (rounded,) = ctx.truncate(logits, frac=LEVEL_FRAC)
    kept = functions.clip(rounded, ODDS[0], ODDS[-1])
    level = ctx.within((kept - LOWEST).ldexp(LEVEL_FRAC), (0, LEVELS - 1))
    # An index beyond the classes is taken modulo them.
    low = functions.one_hot(ctx.within(level, (0, LOW - 1)), LOW)
    digit = low @ np.arange(LOW, dtype=np.float64)
    # What is left is a multiple of 32: nothing is rounded.
    rest = ctx.within((level - digit).ldexp(1 - LOW.bit_length()), (0, HIGH - 1))
    return low, functions.one_hot(rest, HIGH)


def _counts(ctx: Context, task: Task, low: Secret, high: Secret) -> Secret:
    """(2, 512) common rows with label 1, and with 0, by level."""
    rows = task.shape.rows
    member = ctx.shared(MEMBER, (rows,), (0, 1), 0)
    label = ctx.private(LABEL, task.holder, (rows,), (0, 1), 0)
    ones = ctx.private_product("multiply", [(label, member)], (0, 1))
    both = functions.stack([ones, ctx.within(member - ones, (0, 1))], -1)
    ctx.open(both, high, low)
    shape = (rows, 2, HIGH)
    columns = ctx.product(
        "multiply",
        functions.broadcast_to(both.reshape(rows, 2, 1), shape),
        functions.broadcast_to(high.reshape(rows, 1, HIGH), shape),
        (0, 1),
    ).reshape(rows, 2 * HIGH)
    counts = ctx.product("matmul", functions.transpose(columns), low, (0, task.most))
    return counts.reshape(2, LEVELS)


def _by_band(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(512, bands) the values in the column of their level's band, the highest band first."""
    edges = np.log(np.array(BANDS) / (1 - np.array(BANDS)))
    band = len(BANDS) - np.searchsorted(edges, ODDS, side="right")
    return np.where(band[:, None] == np.arange(len(BANDS) + 1), values[:, None], 0.0)


class _Measures:
    """Of counts."""

    def __init__(self, ctx: Context, task: Task, counts: Secret) -> None:
        self.ctx, self.task, self.counts = ctx, task, counts
        self.totals = ctx.within(counts.sum(axis=1), (0, task.most))
        self.enough = functions.all(functions.greater_equal(self.totals, float(task.group)))
        # Where they are not, nothing of what follows is told.
        safe = functions.where(self.enough, self.totals, float(task.group))
        safe = ctx.within(safe, (task.group, task.most))
        rows = ctx.within(safe.sum().reshape(1), (task.group, task.most))
        self.inverses = self._inverse(functions.concatenate([safe, rows]), task.group)

    def tell(self) -> None:
        """Reveal all."""
        ctx, task = self.ctx, self.task
        cells, ends = self._cells()
        told = functions.concatenate([self._order(), self._means(), functions.ravel(cells)])
        told = functions.where(self.enough, told, 0)
        ctx.check()
        ctx.reveal(self.enough, tuple(dict.fromkeys((*task.parties, *task.to))), ENOUGH)
        ctx.reveal(told, task.to, TOLD)
        ctx.reveal(ends, task.to, CELLS)

    def _inverse(self, count: Secret, least: float) -> Secret:
        """1 / count to a relative 2^-20: a step of Newton's after the quotient of 2^-12."""
        ctx, most = self.ctx, math.ceil(math.log2(self.task.most))
        rough = functions.reciprocal(count, frac=most + 12)
        near = ctx.product("multiply", count, rough, (0, LARGEST))
        (near,) = functions.rounded(near, frac=RATE_FRAC)
        fine = ctx.product("multiply", rough, 2 - near, (0, LARGEST / least))
        return ctx.truncate(fine, frac=most + 20)[0]

    def _quotient(self, sums: Secret, inverse: Secret, bound: float, frac: int) -> Secret:
        """Sums that are no larger than ``bound`` times the count."""
        inverse = functions.broadcast_to(inverse, sums.shape)
        result = self.ctx.product("multiply", sums, inverse, (-bound, bound))
        return self.ctx.truncate(result, frac=frac)[0]

    def _order(self) -> Secret:
        """AUC and KS."""
        ctx = self.ctx
        inverses = self.inverses[:2].reshape(2, 1)
        rates = self._quotient(self.counts, inverses, LARGEST, RATE_FRAC)
        reached = ctx.within(functions.cumsum(rates, 1), (-LARGEST, LARGEST))
        below = ctx.within(reached[1] - rates[1].times(0.5, 1), (-LARGEST, LARGEST))
        (below,) = ctx.truncate(below, frac=RATE_FRAC)
        wins = ctx.product("multiply", rates[0], below, (-LARGEST, LARGEST))
        area = ctx.within(wins.sum().reshape(1), (-LARGEST, LARGEST))
        apart = functions.absolute(ctx.within(reached[1] - reached[0], (-LARGEST, LARGEST)))
        return functions.concatenate(ctx.truncate(area, functions.max(apart).reshape(1), frac=TOLD_FRAC))

    def _means(self) -> Secret:
        """Log-loss, Brier score, rate and prediction, and their distance over the bands."""
        ctx, most = self.ctx, self.task.most
        risk = 1 / (1 + np.exp(-ODDS))
        ones = np.stack([np.logaddexp(0, -ODDS), (1 - risk) ** 2, np.ones(LEVELS), risk], -1)
        zeros = np.stack([np.logaddexp(0, ODDS), risk**2, np.zeros(LEVELS), risk], -1)
        sums = self._weighted(np.concatenate([ones, zeros]), 8.01 * most)
        gaps = self._weighted(np.concatenate([_by_band(risk - 1), _by_band(risk)]), most)
        (sums, gaps) = ctx.truncate(sums, gaps, frac=SUM_FRAC)
        distance = ctx.within(functions.absolute(gaps).sum().reshape(1), (0, LARGEST * most))
        return self._quotient(functions.concatenate([sums, distance]), self.inverses[2:], 8.02, TOLD_FRAC)

    def _weighted(self, weights: NDArray[np.float64], bound: float) -> Secret:
        """Sums over the levels of either label by public weights."""
        scaled = np.rint(weights * 2.0**WEIGHT_FRAC) / 2.0**WEIGHT_FRAC
        return self.ctx.within(self.counts.reshape(2 * LEVELS) @ scaled, bound)

    def _cells(self) -> tuple[Secret, Bits]:
        """(bands, 3) share of all rows, prediction and share of label 1 of each cell, in the row of its last
        band; and (bands,) which bands end a cell."""
        ctx, task = self.ctx, self.task
        group, most, count = float(task.group), task.most, len(BANDS) + 1
        risk, one, none = 1 / (1 + np.exp(-ODDS)), _by_band(np.ones(LEVELS)), np.zeros((LEVELS, count))
        weights = [[one, none, _by_band(risk)], [none, one, _by_band(risk)]]
        table = np.stack([np.stack(part, -1) for part in weights]).reshape(2 * LEVELS, 3 * count)
        (bands,) = ctx.truncate(self._weighted(table, most), frac=SUM_FRAC)
        bands = ctx.within(bands.reshape(count, 3), (-1, LARGEST * most))
        left = self.totals - ctx.within(functions.cumsum(bands[:-1, :2], 0), (-1, LARGEST * most))
        free = functions.all(functions.greater_equal(left, group), axis=1)
        cells, ends, carried = [], [], None
        for number in range(count):
            current = bands[number] if carried is None else bands[number] + carried
            current = ctx.within(current, (-1, LARGEST * most))
            if number == count - 1:
                end = self.enough
            else:
                end = functions.all(functions.greater_equal(current[:2], group)) & free[number]
            told = functions.where(end, current, 0)
            carried = current - told
            cells.append(told)
            ends.append(end)
        return self._rates(functions.stack(cells), functions.stack(ends)), functions.stack(ends)

    def _rates(self, cells: Secret, ends: Bits) -> Secret:
        ctx, task = self.ctx, self.task
        rows = cells[:, 0] + cells[:, 1]
        safe = functions.where(ends, rows, float(task.group))
        inverse = self._inverse(ctx.within(safe, (task.group, task.most)), task.group)
        shares = self._quotient(rows, self.inverses[2:], LARGEST, TOLD_FRAC)
        predicted = self._quotient(cells[:, 2], inverse, LARGEST, TOLD_FRAC)
        observed = self._quotient(cells[:, 0], inverse, LARGEST, TOLD_FRAC)
        return functions.stack([shares, predicted, observed], -1)
