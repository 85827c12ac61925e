"""A trained network, and how it is stored: an envelope around its numbers as plain little-endian float64."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.component import RunContext
from coterie.learn.errors import MODEL_MISSING, NOT_FINITE, NULLS_LEFT
from coterie.learn.joined import JoinedFacts, JoinedModel, Stored, opened, sealed_header, wrapped
from coterie.learn.linear import MODEL_UNFIT, Floats, Place, own_columns
from coterie.learn.neural import clear
from coterie.learn.neural.fl.settings import FederatedParams
from coterie.learn.neural.fl.way import Travelled
from coterie.learn.neural.params import NeuralParams
from coterie.learn.scoring import ScoreUnit

__all__ = ["ClassModel", "Made", "Network", "NetworkFacts", "load_model", "values"]

KIND = NeuralParams.kind
BLOCK = 1 << 16
"""Rows that are scored at once."""


@dataclass(frozen=True)
class NetworkFacts(JoinedFacts):
    """What is public of a network."""

    params: FederatedParams

    @property
    def unit(self) -> ScoreUnit:
        """As :attr:`ScoringFacts.unit`."""
        units: dict[str, ScoreUnit] = {"binary": "probability", "classes": "class", "regression": "value"}
        return units[self.params.task]

    @property
    def classes(self) -> int | None:
        """As :attr:`ScoringFacts.classes`."""
        return self.params.classes

    def run_shares(self, context: RunContext, step: str, frame: str) -> Floats:
        """As :meth:`ScoringFacts.run_shares`."""
        model = context.models.get(step)
        if not isinstance(model, ClassModel):
            raise MODEL_MISSING(f"'{step}'", step=context.step, party=context.me)
        return model.shares(context.frames[frame])


class ClassModel(JoinedModel):
    """A network that may be one of several classes."""

    @abstractmethod
    def shares(self, frame: VerticalFrame) -> Floats:
        """(rows, classes) the probability of each class. Errors: as :meth:`JoinedModel.scores`."""


class Made(BaseModel):
    """How a model came about."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    library: str = Field(max_length=64)
    """scikit-learn's version."""
    rows: int = Field(ge=1, lt=2**53)
    """Of training, without those held back."""
    held_back: int = Field(ge=0, lt=2**53)
    epochs: int = Field(ge=1, le=10_000)
    """Until the weights that the model has."""


class _Header(Stored):
    mean: float
    deviation: float = Field(gt=0)
    made: Made


def values(frame: VerticalFrame, places: Sequence[Place]) -> Floats:
    """(rows, width) columns, checked.

    Errors: CT-1422, CT-1433 (text), CT-3027 (missing values), CT-3028 (not finite).
    """
    whole = frame.values(places)
    _check(whole, places)
    return whole


def _check(block: Floats, places: Sequence[Place]) -> None:
    if np.isfinite(block).all():
        return
    for number, (_, name) in enumerate(places):
        if np.isnan(block[:, number]).any():
            raise NULLS_LEFT(f"'{name}'")
        if np.isinf(block[:, number]).any():
            raise NOT_FINITE(f"'{name}'")


@dataclass(frozen=True)
class Network(ClassModel):
    """A multilayer perceptron over joined columns."""

    facts: NetworkFacts
    params: NeuralParams
    layers: clear.Layers
    scale: clear.Scale
    made: Made
    way: Travelled | None = field(default=None, repr=False, compare=False)
    """How it came about, with own parts; where a later step of the job asks for it. No file has it."""

    def scores(self, frame: VerticalFrame) -> Floats:
        """(rows,): see :class:`JoinedModel`. Errors: CT-1422, CT-1433, CT-3027, CT-3028."""
        found = np.empty(frame.rows)
        for start, block in self._blocks(frame):
            found[start : start + len(block)] = clear.scores(self.layers, block, self.params, self.scale)
        return found

    def shares(self, frame: VerticalFrame) -> Floats:
        """(rows, classes): see :class:`ClassModel`."""
        found = np.empty((frame.rows, self.params.outputs))
        for start, block in self._blocks(frame):
            found[start : start + len(block)] = clear.shares(self.layers, block, self.params.activation)
        return found

    def _blocks(self, frame: VerticalFrame) -> Iterator[tuple[int, Floats]]:
        own = own_columns(frame, self.facts.places)
        for start in range(0, frame.rows, BLOCK):
            block = own.rows(start, min(start + BLOCK, frame.rows))
            _check(block, self.facts.places)
            yield start, block

    def to_bytes(self) -> bytes:
        header = {
            **sealed_header(self.facts.columns, self.params.model_dump(mode="json")),
            "mean": self.scale.mean,
            "deviation": self.scale.deviation,
            "made": self.made.model_dump(mode="json"),
        }
        arrays = [part.astype("<f8").tobytes() for layer in self.layers for part in layer]
        return wrapped(KIND, header, b"".join(arrays))

    def __repr__(self) -> str:
        return f"<Network of {self.facts.width} features, layers of {self.params.hidden}>"


def load_model(data: bytes) -> Network:
    """The model that ``to_bytes`` wrote. Nothing of it is executed.

    Errors: CT-3053 for any other bytes.
    """
    try:
        header, body = opened(KIND, data, _Header)
        params = NeuralParams.model_validate(header.params)
        facts = NetworkFacts(header.ordered(), params)
        if len(body) != 8 * params.numbers(facts.width):
            raise ValueError("size of the layers")
        numbers = np.frombuffer(body, "<f8").astype(np.float64)
        if not np.isfinite(numbers).all():
            raise ValueError("a number that is not finite")
    except (CoterieError, ValidationError, ValueError) as error:
        raise MODEL_UNFIT(type(error).__name__) from error
    scale = clear.Scale(header.mean, header.deviation)
    return Network(facts, params, _layers(numbers, params.sizes(facts.width)), scale, header.made)


def _layers(numbers: Floats, sizes: tuple[int, ...]) -> clear.Layers:
    layers, place = [], 0
    for before, units in pairwise(sizes):
        weights = numbers[place : place + before * units].reshape(before, units)
        place += before * units
        layers.append((weights, numbers[place : place + units]))
        place += units
    return tuple(layers)
