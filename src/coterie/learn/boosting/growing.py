"""One boosted tree over the rows of several parties, by totals of its histograms.

Level by level, each party adds up the derivatives of its own rows by node, column and bin; the totals are all
that becomes known. Of two children only the lighter is added up: the other is the difference to their parent.
Sums are of whole multiples of a unit, below 2^53 of them, so doubles hold them exactly: every party takes the
same splits of the same totals, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import forest_histograms, forest_partition, forest_splits
from coterie.learn.boosting.cuts import Bins
from coterie.learn.boosting.objectives import Singles
from coterie.learn.linear import Floats

__all__ = ["Rule", "Scaled", "Table", "Tree", "grow"]

Integers: TypeAlias = NDArray[np.int64]
Totals: TypeAlias = Callable[[int, Floats], Floats | None]
"""Level and own sums to all parties', of the same shape; None where these are others than at the root."""

NONE, NO_PARENT = -1, 2**31 - 1
LEAST_GAIN = np.float32(1e-6)
"""XGBoost's: no smaller one counts."""
BEYOND = np.finfo(np.float32).max
"""Where those values that are there are parted from those that are not."""


@dataclass(frozen=True)
class Rule:
    """What decides about splits and leaves."""

    max_depth: int
    learning_rate: float
    least_weight: float
    reg_lambda: float
    reg_alpha: float
    gamma: float
    largest: float
    """How far a leaf may go; 0 for any."""
    signs: NDArray[np.int8]
    """(width,) 1 where scores may only rise, -1 where they may only fall."""

    def weights(self, sums: Floats, limits: Singles) -> Singles:
        """(n,) of nodes with these sums, (n, 2), before the learning rate."""
        first, second = sums[:, 0], sums[:, 1]
        drawn = np.sign(first) * np.maximum(np.abs(first) - self.reg_alpha, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = -drawn / (second + self.reg_lambda)
        if self.largest:
            found = np.clip(found, -self.largest, self.largest)
        found = np.where((second < self.least_weight) | (second <= 0), 0, found)
        return np.clip(found.astype(np.float32), limits[:, 0], limits[:, 1])


@dataclass(frozen=True)
class Table:
    """A party's own rows."""

    codes: NDArray[np.uint8] | NDArray[np.uint16]
    """(tiles, rows, 8) bins of the values."""
    bins: Bins

    @property
    def rows(self) -> int:
        return int(self.codes.shape[1])


@dataclass(frozen=True)
class Scaled:
    """Derivatives of own rows, as whole numbers."""

    values: NDArray[np.int32]
    """(rows, 2) multiples of ``scale * 2^-bits``."""
    bits: int
    scale: tuple[float, float]
    """Powers of two."""


@dataclass
class Tree:
    """Nodes in the order in which they came about."""

    parts: dict[str, list[NDArray[np.generic]]] = field(default_factory=dict)

    def add(self, **arrays: NDArray[np.generic]) -> None:
        """The nodes of a level."""
        for name, values in arrays.items():
            self.parts.setdefault(name, []).append(values)

    @property
    def size(self) -> int:
        """Number of nodes."""
        return sum(map(len, self.parts["parents"]))

    def array(self, name: str) -> NDArray[np.generic]:
        """What is known of all nodes, under XGBoost's name."""
        return np.concatenate(self.parts[name])


@dataclass
class _Level:
    """Nodes of one depth, with the own rows in them."""

    first: int
    """Number of the first of them in the tree; the others follow."""
    parents: Integers
    rows: NDArray[np.uint32]
    starts: Integers
    sums: Floats
    """(nodes, 2) of all parties' rows."""
    limits: Singles
    """(nodes, 2) of leaves, where scores rise or fall with a column."""
    histograms: Floats | None = None
    """(nodes, slots, 2); None where no node can split."""

    def __len__(self) -> int:
        return len(self.parents)

    def rows_of(self, which: NDArray[np.bool_]) -> tuple[NDArray[np.uint32], Integers]:
        """Rows of some nodes, and where each of these begins."""
        counts = np.diff(self.starts)
        return self.rows[np.repeat(which, counts)], np.r_[0, np.cumsum(counts[which])]


class _Growth:
    def __init__(
        self, table: Table, scaled: Scaled, columns: Integers, rule: Rule, totals: Totals, margin: Singles
    ) -> None:
        self.table, self.scaled, self.rule, self.totals = table, scaled, rule, totals
        self.columns, self.margin = columns, margin
        self.tree = Tree()
        counts = table.bins.counts
        self.all_slots = np.r_[0, np.cumsum(counts)]
        used = np.zeros(len(counts), bool)
        used[columns] = True
        self.used = None if used.all() else np.repeat(used, counts)
        self.slots = np.r_[0, np.cumsum(counts[columns])]
        self.gaps = table.bins.gaps[columns].astype(np.uint8)
        self.signs = rule.signs[columns]
        self.monotone = bool(self.signs.any())

    def summed(self, depth: int, rows: NDArray[np.uint32], starts: Integers) -> Floats | None:
        """(nodes, slots, 2) sums of all parties; None where they do not go with those of the level before."""
        one = self.scaled
        found = forest_histograms(self.table.codes, one.values, rows, starts, self.all_slots, one.bits)
        if self.used is not None:
            found = found[:, self.used]
        total = self.totals(depth, found)
        if total is not None and one.scale != (1.0, 1.0):
            total *= np.array(one.scale)
        return total

    def root(self) -> _Level:
        rows = np.arange(self.table.rows, dtype=np.uint32)
        starts = np.array([0, len(rows)])
        histograms = self.summed(0, rows, starts)
        assert histograms is not None
        sums = histograms[:, : self.slots[1]].sum(axis=1)
        limits = np.array([[-BEYOND, BEYOND]], np.float32)
        return _Level(0, np.array([NO_PARENT]), rows, starts, sums, limits, histograms)

    def split(self, level: _Level) -> tuple[NDArray[np.bool_], NDArray[np.float32], Integers, Floats]:
        """Which nodes split; gain, column, last bin and way of missing values, sums to the left, of each."""
        rule, nodes = self.rule, len(level)
        if level.histograms is None:
            nothing = np.zeros(nodes, np.float32), np.zeros((nodes, 3), np.int64), np.zeros((nodes, 2))
            return np.zeros(nodes, bool), *nothing
        numbers = (rule.least_weight, rule.reg_lambda, rule.reg_alpha, rule.largest)
        gains, splits, lefts = forest_splits(
            level.histograms, level.sums, level.limits, self.slots, self.gaps, self.signs, numbers
        )
        return (gains > LEAST_GAIN) & (gains >= np.float32(rule.gamma)), gains, splits, lefts

    def note(
        self, level: _Level, which: NDArray[np.bool_], gains: NDArray[np.float32], splits: Integers
    ) -> None:
        """The level's nodes in the tree, and its leaves in the scores."""
        rule, weights = self.rule, self.rule.weights(level.sums, level.limits)
        leaves = weights * np.float32(rule.learning_rate)
        columns = self.columns[splits[:, 0]]
        conditions = self._conditions(columns, splits[:, 1])
        children = level.first + len(level) + 2 * (np.cumsum(which) - 1)
        left = np.where(which, children, NONE)
        single = level.first == 0 and not which[0]
        self.tree.add(
            base_weights=np.where(which | single, weights, leaves),
            default_left=np.where(which, splits[:, 2], 0),
            left_children=left,
            right_children=np.where(which, left + 1, NONE),
            loss_changes=np.where(which, gains, np.float32(0)),
            parents=level.parents,
            split_conditions=np.where(which, conditions, leaves),
            split_indices=np.where(which, columns, 0),
            sum_hessian=level.sums[:, 1].astype(np.float32),
        )
        rows, starts = level.rows_of(~which)
        self.margin[rows] += np.repeat(leaves[~which], np.diff(starts))

    def _conditions(self, columns: Integers, bins: Integers) -> NDArray[np.float32]:
        """A value below it goes left."""
        cuts = self.table.bins.cuts
        return np.array(
            [
                -BEYOND if last < 0 else cuts[column][last] if last < len(cuts[column]) else BEYOND
                for column, last in zip(columns.tolist(), bins.tolist(), strict=True)
            ],
            np.float32,
        )

    def children(
        self, level: _Level, which: NDArray[np.bool_], splits: Integers, lefts: Floats, depth: int
    ) -> _Level:
        """The next level."""
        rows, starts = level.rows_of(which)
        columns = self.columns[splits[which, 0]]
        bins = self.table.bins
        missing = np.array([len(bins.cuts[column]) + 1 for column in columns.tolist()], np.int64)
        # Where only missing values go left, no bin is low enough; codes begin at 0.
        ways = np.stack([columns, splits[which, 1] + 1, missing, splits[which, 2]], axis=1)
        rows, left = forest_partition(self.table.codes, rows, starts, ways)
        counts = np.stack([left, np.diff(starts) - left], axis=1).ravel()
        parents = np.repeat(level.first + np.flatnonzero(which), 2)
        sums = np.stack([lefts[which], level.sums[which] - lefts[which]], axis=1).reshape(-1, 2)
        limits = np.repeat(level.limits[which], 2, axis=0)
        if self.monotone:
            self._bound(limits, sums, self.signs[splits[which, 0]])
        following = _Level(level.first + len(level), parents, rows, np.r_[0, np.cumsum(counts)], sums, limits)
        if depth < self.rule.max_depth:
            assert level.histograms is not None
            following.histograms = self._built(following, level.histograms[which], depth)
        return following

    def _bound(self, limits: Singles, sums: Floats, signs: NDArray[np.int8]) -> None:
        """What is to the right of a split by a rising column weighs no less than what is to its left."""
        weights = self.rule.weights(sums, limits).reshape(-1, 2)
        middle = (weights[:, 0] + weights[:, 1]) / np.float32(2)
        left, right = limits[::2], limits[1::2]
        for sign, lower, upper in ((1, right, left), (-1, left, right)):
            some = signs == sign
            lower[some, 0] = middle[some]
            upper[some, 1] = middle[some]

    def _built(self, level: _Level, parents: Floats, depth: int) -> Floats | None:
        """Of the lighter child its own sums, of the other the difference; None where there is none, as
        somebody whose rows are in the parents' sums has dropped out: then the tree grows no further.
        """
        weights = level.sums[:, 1].reshape(-1, 2)
        lighter = np.stack([weights[:, 0] <= weights[:, 1], weights[:, 0] > weights[:, 1]], axis=1)
        which = lighter.ravel()
        histograms = np.empty((len(level), *parents.shape[1:]))
        told = self.summed(depth, *level.rows_of(which))
        if told is None:
            return None
        histograms[which] = told
        histograms[~which] = parents - histograms[which]
        return histograms


def grow(
    table: Table, scaled: Scaled, columns: Integers, rule: Rule, totals: Totals, margin: Singles
) -> Tree:
    """The next tree.

    :param columns: those that it may use, ascending.
    :param totals: called once for each level.
    :param margin: (rows,) scores of own rows, to which the tree's leaves are added.
    """
    growth = _Growth(table, scaled, columns, rule, totals, margin)
    level, depth = growth.root(), 0
    while True:
        which, gains, splits, lefts = growth.split(level)
        growth.note(level, which, gains, splits)
        depth += 1
        if not which.any():
            return growth.tree
        level = growth.children(level, which, splits, lefts, depth)
