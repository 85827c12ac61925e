"""What one party's rows did for the leaves of trees that were grown over sums.

A leaf is -r G / (H + lambda), G and H being sums of first and second derivatives over all parties' rows in it
[Chen, Guestrin, KDD 2016]. Of a party with the sums G_i and H_i that is -r G_i / (H + lambda); by what
penalties and limits make another value of it, parties have a part as H_i is of H. The parts of all parties
add up to the leaf. Where trees split is taken as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.learn.boosting.columns import blocks
from coterie.learn.boosting.fl import drawn_rows
from coterie.learn.boosting.horizontal import held_back_rows
from coterie.learn.boosting.model import BoostedTrees
from coterie.learn.boosting.objectives import Singles, derivatives, margin_of
from coterie.learn.boosting.params import BoostingParams
from coterie.learn.linear import Floats

__all__ = ["Leaves"]

Integers = NDArray[np.integer]


@dataclass(frozen=True)
class Leaves:
    """The leaves of a model, one after another; equal at all parties."""

    model: BoostedTrees
    starts: Integers
    """(trees + 1,): where each tree's leaves begin."""
    values: Singles
    """(leaves,)."""
    numbers: tuple[Integers, ...]
    """Of each tree: (nodes,) the place of a leaf among all; -1 of other nodes."""
    base: np.float32
    """The margin before the first tree."""

    @staticmethod
    def of(model: BoostedTrees) -> Leaves:
        """Of a trained model."""
        learner = json.loads(bytes(model.booster.save_raw("json")))["learner"]
        trees = learner["gradient_booster"]["model"]["trees"]
        starts, values, numbers = [0], [], []
        for tree in trees:
            is_leaf = np.array(tree["left_children"]) == -1
            count = int(is_leaf.sum())
            numbers.append(np.where(is_leaf, starts[-1] + np.cumsum(is_leaf) - 1, -1).astype(np.int64))
            values.append(np.array(tree["split_conditions"], np.float32)[is_leaf])
            starts.append(starts[-1] + count)
        given = json.loads(learner["learner_model_param"]["base_score"])
        base = np.float32(given[0] if isinstance(given, list) else given)
        found = np.concatenate(values)
        return Leaves(model, np.array(starts), found, tuple(numbers), margin_of(_params(model), base))

    @property
    def trees(self) -> int:
        return len(self.starts) - 1

    def reached(self, frame: VerticalFrame) -> Integers:
        """(rows, trees): the leaf that each row falls into."""
        import xgboost

        found = np.zeros((frame.rows, self.trees), np.int32)
        for start, block in blocks(frame, self.model.features):
            if len(block):
                rows = xgboost.DMatrix(block, feature_types=self.model.kinds, enable_categorical=True)
                nodes = self.model.booster.predict(rows, pred_leaf=True).reshape(len(block), self.trees)
                found[start : start + len(block)] = nodes
        for tree, numbers in enumerate(self.numbers):
            found[:, tree] = numbers[found[:, tree]]
        return found

    def margins(self, reached: Integers) -> Iterator[tuple[int, Singles]]:
        """Of each tree, its number and (rows,) margins before it."""
        margin = np.full(len(reached), self.base, np.float32)
        for tree in range(self.trees):
            yield tree, margin
            margin = margin + self.values[reached[:, tree]]

    def sums(self, frame: VerticalFrame, label: Floats, party: int) -> Floats:
        """(leaves, 2) sums of derivatives of the own training rows, as training had them.

        :param party: its place among all.
        """
        params, reached = _params(self.model), self.reached(frame)
        used, given = ~held_back_rows(frame, params), label.astype(np.float32)
        found = np.zeros((len(self.values), 2))
        for tree, margin in self.margins(reached):
            drawn = drawn_rows(params, used, tree, party)
            for column, one in enumerate(derivatives(params, margin, given)):
                weights = np.where(drawn, one.astype(np.float64), 0)
                found[:, column] += np.bincount(reached[:, tree], weights, len(found))
        return found

    def parts(self, own: Floats, everybody: Floats) -> Floats:
        """(leaves,) what of each leaf is of the own rows.

        :param own: and ``everybody``, (leaves, 2) as :meth:`sums` has them, and the total over all parties.
        """
        params, weight = _params(self.model), everybody[:, 1]
        below = weight + params.reg_lambda
        step = np.divide(-params.learning_rate, below, out=np.zeros_like(below), where=below > 0)
        beside = np.divide(own[:, 1], weight, out=np.zeros_like(weight), where=weight > 0)
        rest = self.values.astype(np.float64) - step * everybody[:, 0]
        return np.asarray(step * own[:, 0] + rest * beside)


def _params(model: BoostedTrees) -> BoostingParams:
    params: Any = model.facts.params
    assert isinstance(params, BoostingParams)
    return params
