"""In one run: logistic regression and generalised linear models.

Newton's iterations end at an optimum that does not depend on how many there were, and so should
contributions: the whole way is one step, that of least squares at the optimum
(:mod:`coterie.learn.glm.fl.parts`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from coterie.learn.glm import Optimum, Parts, Rows, losses_at, start_of, unit_of
from coterie.learn.linear import Floats

from .errors import NOT_AT_OPTIMUM
from .in_run import NODES, Found, Way, nodes

__all__ = ["LinearWay", "linear_counts"]

AT_REST = 1e-4
"""Of a row's mean gradient on the scale of training: an optimum is far below, other columns far above."""


def linear_counts(size: int) -> tuple[int, int]:
    """Numbers of both sums."""
    return Parts.count(size), (NODES + 1) * size + size * (size + 1) // 2 + 2


class LinearWay(Way):
    """Of a model without features to the optimum."""

    def __init__(
        self, end: Optimum, training: Rows, measured: Rows, step: str, null: float | None = None
    ) -> None:
        """:param null: intercept of the model without features; that of these training rows if not given."""
        self._start = start_of(end, end.null_intercept if null is None else null)
        self._end, self._training, self._measured, self._step = end, training, measured, step
        self._own: Parts | None = None

    def parts(self) -> Floats:
        self._own = Parts.of(self._end, self._training)
        return self._own.packed()

    def slopes(self) -> Floats:
        end = self._end
        start, places = self._start, nodes(NODES)[0]
        between = [losses_at(end, self._measured, start + at * (end.weights - start)) for at in places]
        first, last = (losses_at(end, self._measured, weights) for weights in (start, end.weights))
        corner = last.curvature[np.triu_indices(len(start))]
        losses = [first.loss, last.loss]
        return np.concatenate([*(one.gradient for one in between), last.gradient, corner, losses])

    def found(self, parts: Floats, slopes: Floats, rows: int) -> Found:
        end, own, size = self._end, self._own, self._end.design.size
        assert own is not None  # it was told before
        everybody = replace(Parts.unpacked(parts, size), rows=float(end.design.rows))
        pull = everybody.gradient / end.design.rows
        if not end.design.params.l1 and not np.abs(pull).max() <= AT_REST:
            raise NOT_AT_OPTIMUM("the gradient is not nought", step=self._step)
        *_, first, last = slopes.tolist()
        unit = unit_of(end) / rows
        along = slopes[: NODES * size].reshape(NODES, size)
        here, corner = slopes[NODES * size : (NODES + 1) * size], slopes[(NODES + 1) * size : -2]
        curvature = Parts.unpacked(np.concatenate([corner, np.zeros(size + 1)]), size).curvature
        try:
            share, away = own.share(end, everybody, self._start), own.away(end, everybody)
        except np.linalg.LinAlgError as error:
            raise NOT_AT_OPTIMUM("curvatures of no rows", step=self._step) from error
        return Found(
            contribution=-unit * float(nodes(NODES)[1] @ (along @ share)),
            left_out=None if away is None else unit * float(here @ away + away @ curvature @ away / 2),
            nothing=first * unit,
            whole=last * unit,
        )
