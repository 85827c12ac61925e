"""In one run: boosted trees. A step is a tree; a party's part of it is its part of each leaf
(:mod:`coterie.learn.boosting.parts`)."""

from __future__ import annotations

import numpy as np

from coterie.data import VerticalFrame
from coterie.learn.boosting import BoostingParams, Leaves
from coterie.learn.linear import Floats, sigmoid

from .errors import NOT_AT_OPTIMUM
from .in_run import Found, Way, nodes
from .measure import loss_power, row_losses, slopes

__all__ = ["TreesWay", "tree_counts"]

LOOKS = 2
"""At each tree: they are short steps."""
NEAR = 1e-3


def tree_counts(params: BoostingParams, rows: int) -> tuple[int, int]:
    """Numbers of both sums, at most, for so many rows of training."""
    leaves = params.rounds * max(1, min(2**params.max_depth, rows))
    return 2 * leaves, LOOKS * leaves + 2


class TreesWay(Way):
    """From the score before the first tree to the one after the last."""

    def __init__(
        self,
        leaves: Leaves,
        training: tuple[VerticalFrame, Floats],
        measured: tuple[VerticalFrame, Floats],
        party: int,
        step: str,
    ) -> None:
        """
        :param training: and ``measured``, rows with their labels. :param party: its place among all.
        """
        params = leaves.model.facts.params
        assert isinstance(params, BoostingParams)
        self._leaves, self._params, self._step = leaves, params, step
        self._training, self._measured, self._party = training, measured, party
        self._own: Floats | None = None

    def parts(self) -> Floats:
        self._own = self._leaves.sums(*self._training, self._party)
        return self._own.ravel()

    def slopes(self) -> Floats:
        leaves, (frame, label), power = self._leaves, self._measured, loss_power(self._params)
        reached, places = leaves.reached(frame), nodes(LOOKS)[0]
        found = np.zeros((LOOKS, len(leaves.values)))
        losses, margin = [0.0, 0.0], np.full(frame.rows, leaves.base, np.float64)
        for tree, before in leaves.margins(reached):
            step = leaves.values[reached[:, tree]].astype(np.float64)
            for look, at in enumerate(places):
                slope = slopes(label, before + at * step, power)
                found[look] += np.bincount(reached[:, tree], slope, len(leaves.values))
            if tree == 0:
                losses[0] = self._loss(label, before.astype(np.float64), power)
            margin = before + step
        losses[1] = self._loss(label, margin, power)
        return np.concatenate([found.ravel(), losses])

    def _loss(self, label: Floats, margin: Floats, power: float | None) -> float:
        scores = sigmoid(margin) if power is None else margin if power == 0 else np.exp(margin)
        return float(row_losses(label, scores, power, self._step).sum())

    def found(self, parts: Floats, slopes: Floats, rows: int) -> Found:
        leaves, own, everybody = self._leaves, self._own, parts.reshape(-1, 2)
        assert own is not None  # it was told before
        self._check(everybody)
        *_, first, last = slopes.tolist()
        along = nodes(LOOKS)[1] @ slopes[:-2].reshape(LOOKS, -1)
        return Found(
            contribution=-float(along @ leaves.parts(own, everybody)) / rows,
            left_out=None,
            nothing=first / rows,
            whole=last / rows,
        )

    def _check(self, everybody: Floats) -> None:
        """That leaves are what the sums of their rows make of them."""
        params, leaves = self._params, self._leaves.values.astype(np.float64)
        if params.reg_alpha or params.monotone or params.objective == "poisson":
            return
        below = everybody[:, 1] + params.reg_lambda
        found = -params.learning_rate * everybody[:, 0] / np.where(below > 0, below, 1)
        if (np.abs(found - leaves) > NEAR * (1 + np.abs(leaves)))[leaves != 0].any():
            raise NOT_AT_OPTIMUM("leaves are not those of these rows", step=self._step)
