"""Training over the rows of several parties, by totals.

Where bins coincide these are the trees that XGBoost's "hist" grows on all rows in one place.

What is summed is planned beforehand (:func:`planned`); every party takes the same decisions from the totals.
Derivatives are rounded to whole multiples of a unit, at most 2^30 of them: a total differs from that of the
derivatives by at most half a unit for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, frexp, log2, sqrt

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import forest_codes
from coterie.fl import EXACT, Fixed, Sums
from coterie.learn.boosting import cuts
from coterie.learn.boosting.columns import Matrix
from coterie.learn.boosting.cuts import CODES, Bins
from coterie.learn.boosting.growing import Rule, Scaled, Table, Tree, grow
from coterie.learn.boosting.objectives import (
    LARGEST_STEP,
    Derivatives,
    Singles,
    base_score,
    derivatives,
    losses,
    margin_of,
)
from coterie.learn.boosting.params import BoostingParams
from coterie.learn.boosting.statement import (
    CELLS,
    DERIVATIVES,
    LABELS,
    LOSSES,
    PARTS,
    RANGES,
    SQUARES,
)
from coterie.learn.component import Total
from coterie.learn.errors import COLUMN_ALL_NULL, EMPTY_PART, ONE_CLASS
from coterie.learn.joined import LABEL_UNFIT
from coterie.learn.linear import Floats

__all__ = ["Grown", "Own", "drawn_rows", "fit", "planned"]

COUNTS = Fixed(bits=64, frac=0)
FINEST = 30
"""Bits of a derivative in units, besides its sign."""
EXACT_BITS = 52
"""Sums of so many bits, and all parts and differences of them, are exact as doubles."""
RANGE_BITS, RANGES_COUNT = 8, 36
"""Magnitudes of labels are told in steps of 2^8, from below 2^-144 to beyond float32."""


@dataclass(frozen=True)
class Own:
    """A party's own rows."""

    features: Matrix
    label: Singles
    held: NDArray[np.bool_]
    """(rows,) those that are held back for early stopping."""
    names: tuple[str, ...]
    """Of the columns, for messages."""


@dataclass(frozen=True)
class Grown:
    """What a training leaves, the same at all parties."""

    trees: tuple[Tree, ...]
    base: np.float32
    history: dict[str, list[float]]
    rows: int
    """Of all parties, without those held back."""
    held_back: int


def sum_bits(rows: int) -> int:
    """Bits behind the binary point of derivatives between -1 and 1, for so many rows of all parties."""
    return max(0, min(FINEST, EXACT_BITS - max(1, rows).bit_length()))


def planned(params: BoostingParams, rows: int, width: int, floor: int, *, look: bool) -> list[Total]:
    """All totals of a training on so many rows of all parties.

    :param floor: least rows of a bin. :param look: whether losses are measured after each tree.
    """
    bins = params.max_bins
    totals = [Total(LABELS, 3, EXACT)]
    if params.objective != "binary":
        totals.insert(0, Total(RANGES, RANGES_COUNT, COUNTS))
        totals.append(Total(SQUARES, 2, EXACT, times=params.rounds))
    most = cuts.most_cells(width, rows, bins, floor)
    totals.append(Total(CELLS, width * cuts.FIRST, COUNTS))
    totals.append(Total(PARTS, most, COUNTS, times=cuts.STEPS - 1, fewer=True))
    form = Fixed(bits=64, frac=sum_bits(rows))
    slots = 2 * width * (bins + 1)
    for depth in range(params.max_depth):
        nodes = max(1, min(2**depth // 2, rows // 2))
        what = DERIVATIVES.format(depth=depth)
        totals.append(Total(what, nodes * slots, form, times=params.rounds, fewer=True, kind="model"))
    if look:
        totals.append(Total(LOSSES, 4, EXACT, times=params.rounds, kind="loss"))
    return totals


def fit(
    own: Own,
    params: BoostingParams,
    signs: NDArray[np.int8],
    sums: Sums,
    rows: int,
    floor: int,
    *,
    look: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Grown:
    """Train.

    :param own: labels have passed :func:`coterie.learn.boosting.clear.check_own_label`.
    :param signs: (width,) of columns with which scores may only rise or fall.
    :param rows: of all parties, as planned, those held back too. :param floor: least rows of a bin.
    :param look: whether losses are measured after each tree; early stopping needs them.
    :param progress: called with the number of trees after each.

    Errors: CT-3015 (nothing held back, or nothing left), CT-3016 (one label value), CT-3020 (a column without
    any value), CT-3083; what :meth:`coterie.fl.Sums.total` raises.
    """
    training = _Training(own, params, signs, sums, rows, floor)
    trees: list[Tree] = []
    history: dict[str, list[float]] = {"training": [], "validation": []} if look else {}
    best = 0
    for tree in training.trees():
        trees.append(tree)
        if progress is not None:
            progress(len(trees))
        if not look:
            continue
        training.measure(history)
        if params.early_stopping is None:
            continue
        measured = history["validation"]
        best = best if len(measured) > 1 and measured[-1] >= measured[best] else len(measured) - 1
        if len(measured) - 1 - best >= params.early_stopping:
            break
    if params.early_stopping is None:
        history.pop("validation", None)
    else:
        trees = trees[: best + 1]
    return Grown(tuple(trees), training.base, history, training.kept, training.held_back)


def _rule(params: BoostingParams, signs: NDArray[np.int8]) -> Rule:
    def single(number: float) -> float:
        return float(np.float32(number))  # as XGBoost has them

    return Rule(
        max_depth=params.max_depth,
        learning_rate=single(params.learning_rate),
        least_weight=single(params.min_child_weight),
        reg_lambda=single(params.reg_lambda),
        reg_alpha=single(params.reg_alpha),
        gamma=single(params.gamma),
        largest=float(LARGEST_STEP) if params.objective == "poisson" else 0.0,
        signs=signs,
    )


class _Training:
    def __init__(
        self, own: Own, params: BoostingParams, signs: NDArray[np.int8], sums: Sums, rows: int, floor: int
    ) -> None:
        self.own, self.params, self.sums = own, params, sums
        self.rows = rows
        self.form = Fixed(bits=64, frac=sum_bits(rows))
        self.used = ~own.held
        self.size = self._size()
        self.kept, self.held_back, label = self._labels()
        self.base = base_score(params, self.kept, label)
        self.margin = np.full(len(own.label), margin_of(params, self.base), np.float32)
        self.table = self._table(floor)
        self.rule = _rule(params, signs)
        self._counted: tuple[str, ...] = ()
        """Of whom the tree's first total was."""

    def _size(self) -> int:
        """The power of two that no label's magnitude exceeds."""
        if self.params.objective == "binary":
            return 0
        largest = float(np.abs(self.own.label).max(initial=0))
        place = min(RANGES_COUNT - 1, max(0, ceil(frexp(largest)[1] / RANGE_BITS) + RANGES_COUNT // 2))
        found = np.zeros(RANGES_COUNT)
        found[place] = 1
        total = self.sums.total(RANGES, found, COUNTS)
        return RANGE_BITS * (int(np.flatnonzero(total)[-1]) - RANGES_COUNT // 2)

    def _labels(self) -> tuple[int, int, float]:
        """Rows of training, rows held back, and the sum of the first ones' labels."""
        label = np.ldexp(self.own.label[self.used].astype(np.float64), -self.size)
        given = np.array([self.used.sum(), (~self.used).sum(), label.sum()], np.float64)
        kept, held, total = self.sums.total(LABELS, given).tolist()
        if kept == 0 or (held == 0 and self.params.early_stopping is not None):
            raise EMPTY_PART("of the rows of all parties, for early stopping")
        if self.params.objective == "binary" and total in (0, kept):
            raise ONE_CLASS("in the rows of all parties")
        if self.params.objective in ("poisson", "tweedie") and total == 0:
            raise LABEL_UNFIT(f"for '{self.params.objective}': not all 0")
        return round(kept), round(held), float(np.ldexp(total, self.size))

    def _table(self, floor: int) -> Table:
        def total(step: int, counts: Floats) -> Floats:
            return self.sums.total(PARTS if step else CELLS, counts, COUNTS)

        own = self.own
        bins = cuts.agreed(own.features[self.used], self.kept, self.params.max_bins, floor, total)
        for name, some in zip(own.names, bins.present, strict=True):
            if not some:
                raise COLUMN_ALL_NULL(f"'{name}'")
        return Table(coded(own.features, bins), bins)

    def trees(self) -> Iterator[Tree]:
        """One after another."""
        params, width = self.params, len(self.own.names)
        party = self.sums.contributors.index(self.sums.me)
        for number in range(params.rounds):
            with np.errstate(over="ignore"):  # what is beyond float32 is refused when it is summed
                found = derivatives(params, self.margin, self.own.label)
            drawn = drawn_rows(params, self.used, number, party)
            columns = np.arange(width)
            if params.colsample < 1:
                random = np.random.default_rng((params.seed, number, 0))
                some = random.choice(width, max(1, int(params.colsample * width)), replace=False)
                columns = np.sort(some)
            yield grow(self.table, self._scaled(found, drawn), columns, self.rule, self._summed, self.margin)

    def _summed(self, depth: int, values: Floats) -> Floats | None:
        total = self.sums.total(DERIVATIVES.format(depth=depth), values, self.form)
        if depth == 0:
            self._counted = self.sums.counted
        return total if self.sums.counted == self._counted else None

    def _scaled(self, found: Derivatives, drawn: NDArray[np.bool_]) -> Scaled:
        """In units that no sum of derivatives has too many of."""
        powers = self._powers(found, drawn)
        values = np.empty((len(drawn), 2), np.int32)
        for column, (one, power) in enumerate(zip(found, powers, strict=True)):
            units = np.rint(np.ldexp(one.astype(np.float64), self.form.frac - power))
            values[:, column] = np.where(drawn, units, 0)
        return Scaled(values, self.form.frac, (2.0 ** powers[0], 2.0 ** powers[1]))

    def _powers(self, found: Derivatives, drawn: NDArray[np.bool_]) -> tuple[int, int]:
        """Powers of two beyond the derivatives; nobody's own largest one becomes known."""
        params = self.params
        if params.objective == "binary":
            power = max(0, ceil(log2(params.scale_pos_weight)))
            return power, power - 2
        size = self._usual
        squares = [float((np.ldexp(one[drawn].astype(np.float64), -size) ** 2).sum()) for one in found]
        totals = self.sums.total(SQUARES, np.array(squares)).tolist()
        # No magnitude exceeds the root of the sum of the squares, and no sum sqrt(rows) times it.
        first, second = (size + frexp(sqrt(total))[1] + 1 for total in totals)
        return first, second

    @property
    def _usual(self) -> int:
        """The power of two of usual derivatives."""
        share = {"squared_error": 1.0, "poisson": 1.0, "gamma": 0.0}
        return ceil(share.get(self.params.objective, 2 - self.params.tweedie_power) * self.size)

    def measure(self, history: dict[str, list[float]]) -> None:
        """Append the mean losses after a tree."""
        params, squared = self.params, self.params.objective == "squared_error"
        size = 2 * self._usual if squared else self._usual
        found = np.ldexp(losses(params, self.margin, self.own.label), -size)
        parts = (self.used, ~self.used)
        own = [*(found[part].sum() for part in parts), *(part.sum() for part in parts)]
        totals = self.sums.total(LOSSES, np.array(own, np.float64)).reshape(2, 2)
        for (name, told), (total, rows) in zip(history.items(), totals.T.tolist(), strict=True):
            assert name in ("training", "validation")
            mean = float(np.ldexp(total, size)) / max(1, rows)
            told.append(sqrt(mean) if squared else mean)


def drawn_rows(params: BoostingParams, used: NDArray[np.bool_], number: int, party: int) -> NDArray[np.bool_]:
    """(rows,) the own rows that a tree sees.

    :param used: those that are not held back. :param number: of the tree. :param party: place among all.
    """
    if params.subsample == 1:
        return used
    random = np.random.default_rng((params.seed, number, 1 + party))
    return used & (random.random(len(used)) < params.subsample)


def coded(features: Matrix, bins: Bins) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """(tiles, rows, 8) codes."""
    starts = np.r_[0, np.cumsum([len(one) for one in bins.cuts])].astype(np.int64)
    wide = int(bins.counts.max()) > CODES
    return forest_codes(features, np.concatenate(bins.cuts).astype(np.float32), starts, wide)
