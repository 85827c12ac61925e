"""A trained module: its file, the weights, and scores by its own code in a sandbox."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from coterie.data import VerticalFrame
from coterie.learn.joined import sealed_header, wrapped
from coterie.learn.linear import Floats, sigmoid
from coterie.learn.modules.params import ModuleParams
from coterie.learn.modules.process import Building
from coterie.learn.modules.trainer import SandboxedTrainer
from coterie.learn.neural import Arrays, ClassModel, Made, NetworkFacts, Scale, values

__all__ = ["ModuleModel", "building_of"]

BLOCK = 1 << 16
"""Rows that are scored at once."""


def building_of(source: bytes, params: ModuleParams, inputs: int) -> Building:
    """What a sandbox is told."""
    return Building(
        source=source,
        inputs=inputs,
        outputs=params.outputs,
        settings=params.settings,
        threads=params.threads,
        seconds=params.most_seconds,
        memory=params.most_memory,
    )


@dataclass(frozen=True)
class ModuleModel(ClassModel):
    """A user's network over joined columns."""

    facts: NetworkFacts
    params: ModuleParams
    source: bytes = field(repr=False)
    weights: Arrays = field(repr=False)
    scale: Scale
    made: Made
    check: Callable[[], None] | None = field(default=None, repr=False, compare=False)
    """Ends the wait for scores by what it raises."""

    def scores(self, frame: VerticalFrame) -> Floats:
        """(rows,): see :meth:`JoinedModel.scores`. Errors: CT-2285 to CT-2288, CT-3260 to CT-3263, CT-3268
        too."""
        sums = self._outputs(frame)
        if self.params.task == "classes":
            return np.asarray(sums.argmax(axis=1), np.float64)
        if self.params.classifies:
            return sigmoid(sums[:, 0])
        return np.asarray(sums[:, 0] * self.scale.deviation + self.scale.mean)

    def shares(self, frame: VerticalFrame) -> Floats:
        """(rows, classes): see :meth:`ClassModel.shares`."""
        sums = self._outputs(frame)
        raised = np.exp(sums - sums.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def _outputs(self, frame: VerticalFrame) -> Floats:
        features = values(frame, self.facts.places).astype(np.float32)
        building = building_of(self.source, self.params, self.facts.width)
        with SandboxedTrainer(building, self.params.weights, self.check) as trainer:
            starts = range(0, max(1, len(features)), BLOCK)
            return np.concatenate(
                [trainer.outputs(self.weights, features[start : start + BLOCK]) for start in starts]
            )

    def to_bytes(self) -> bytes:
        header = {
            **sealed_header(self.facts.columns, self.params.model_dump(mode="json")),
            "module": {"sha256": hashlib.sha256(self.source).hexdigest(), "size": len(self.source)},
            "mean": self.scale.mean,
            "deviation": self.scale.deviation,
            "made": self.made.model_dump(mode="json"),
        }
        arrays = [one.astype("<f4").tobytes() for one in self.weights]
        return wrapped(self.params.kind, header, b"".join(arrays))
