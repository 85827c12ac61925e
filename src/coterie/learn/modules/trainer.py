"""A user's network as a trainer. It implements :class:`coterie.learn.neural.Trainer` by asking a sandbox."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import Final, Self

import numpy as np

from coterie.learn.linear import Floats
from coterie.learn.modules import frames
from coterie.learn.modules.errors import MODULE_ANSWER, OTHER_WEIGHTS
from coterie.learn.modules.layout import difference, layout_of
from coterie.learn.modules.process import Building, ModuleProcess
from coterie.learn.neural import Arrays, Layout, Local, Rows, Singles, Trained

__all__ = ["SandboxedTrainer"]

MOST_LOSS: Final = 1000.0
_LOSS_STEPS: Final = 1 << 16
"""A row's mean loss goes into totals as the module says it, and `clip_norm` does not bound it: it is held to
0 to 1000 in so many steps each, 26 bits."""


class SandboxedTrainer:
    """Starts the sandbox, and ends it with the ``with`` block.

    Shapes and types of what it gives are those of the layout, and numbers are finite, but for those of
    :meth:`train`, which whoever trains looks at. Whether it is what training gives, nobody can tell.
    """

    def __init__(
        self, building: Building, lines: tuple[str, ...], check: Callable[[], None] | None = None
    ) -> None:
        """:param lines: the weights that the job says it has.

        Errors: as :class:`ModuleProcess`, CT-3268 where the network has others.
        """
        self._building, self._layout = building, layout_of(lines)
        self._process = ModuleProcess(building, check)
        if self._process.lines != lines:
            self._process.close()
            raise OTHER_WEIGHTS(difference(lines, self._process.lines))

    @property
    def layout(self) -> Layout:
        """As the job says, and the network has."""
        return self._layout

    def initial(self, seed: bytes) -> Arrays:
        """Of a network that is built anew, torch's and Python's random numbers begun by the seed."""
        answer = self._process.ask(frames.INITIAL, {"seed": seed.hex()}, [], self._size)
        weights = self._arrays(answer)
        if not all(np.isfinite(one).all() for one in weights):
            raise MODULE_ANSWER("a weight that is no finite number")
        return weights

    def train(
        self, weights: Arrays, rows: Rows, local: Local, seed: bytes, correction: Arrays | None = None
    ) -> Trained:
        """Train on own rows."""
        settings = {"seed": seed.hex(), "local": asdict(local)}
        arrays = [rows.features, rows.label, *weights, *(correction or ())]
        answer = self._process.ask(frames.TRAIN, settings, arrays, self._size + 16)
        loss, steps = np.frombuffer(answer[self._size :], "<f8").tolist()
        if not 0 <= steps < 2**53 or steps != int(steps):
            raise MODULE_ANSWER("a number of steps that is none")
        return Trained(self._arrays(answer[: self._size]), _bounded(loss), int(steps))

    def losses(self, weights: Arrays, rows: Rows, local: Local) -> float:
        """The sum of the rows' losses, whose mean is held to :data:`MOST_LOSS`."""
        if not len(rows):
            return 0.0
        arrays = [rows.features, rows.label, *weights]
        answer = self._process.ask(frames.LOSSES, {"local": asdict(local)}, arrays, 8)
        return _bounded(float(_doubles(answer)[0]) / len(rows)) * len(rows)

    def outputs(self, weights: Arrays, features: Singles) -> Floats:
        """(rows, outputs)"""
        shape = (len(features), self._building.outputs)
        if not len(features):
            return np.zeros(shape)
        answer = self._process.ask(frames.OUTPUTS, {}, [features, *weights], 8 * shape[0] * shape[1])
        return _doubles(answer).reshape(shape)

    def close(self) -> None:
        """End the sandbox."""
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _size(self) -> int:
        return 4 * sum(one.size for one in self._layout)

    def _arrays(self, data: bytes) -> Arrays:
        numbers, found, place = np.frombuffer(data, "<f4").astype(np.float32), [], 0
        for one in self._layout:
            found.append(numbers[place : place + one.size].reshape(one.shape))
            place += one.size
        return found


def _bounded(loss: float) -> float:
    """As near as others may learn it. What is not finite stays so: whoever trains ends the training."""
    if not math.isfinite(loss):
        return loss
    return round(min(max(loss, 0.0), MOST_LOSS) * _LOSS_STEPS) / _LOSS_STEPS


def _doubles(data: bytes) -> Floats:
    numbers = np.frombuffer(data, "<f8").astype(np.float64)
    if not np.isfinite(numbers).all():
        raise MODULE_ANSWER("a number that is not finite")
    return numbers
