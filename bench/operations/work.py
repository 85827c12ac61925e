"""The works: one operation of the engine each, on secret arrays whose shares are there before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Input:
    """A secret array, its values even over a range, all of them exact in float32 and in fixed point."""

    shape: tuple[int, ...]
    low: float
    high: float

    def draw(self, generator: np.random.Generator) -> Floats:
        """Values from the range, both its ends among them."""
        most = max(abs(self.low), abs(self.high))
        grid = 2.0 ** min(18, 23 - int(np.ceil(np.log2(most))))
        ends = np.ceil(self.low * grid), np.floor(self.high * grid)
        values = generator.integers(int(ends[0]), int(ends[1]), self.shape, endpoint=True)
        values.reshape(-1)[:2] = ends
        return values / grid


@dataclass(frozen=True)
class Work:
    """An operation with its inputs."""

    name: str
    operation: str
    """A key of TRUTHS, of ``programs.PROGRAMS`` and of the peer's programs."""
    inputs: tuple[Input, ...]
    error: str = "absolute"
    """What is told: the largest "absolute" or "relative" difference from the truth."""
    optional: bool = False
    """Whether it is run only where it is asked for."""


def _pair(*shape: int, limit: float) -> tuple[Input, Input]:
    return Input(shape, -limit, limit), Input(shape, -limit, limit)


WORKS = (
    Work("less_1e6", "less", _pair(1_000_000, limit=1000.0)),
    Work("sigmoid_1e6", "sigmoid", (Input((1_000_000,), -8.0, 8.0),)),
    Work("exp_1e6", "exp", (Input((1_000_000,), -8.0, 8.0),), error="relative"),
    Work("reciprocal_1e6", "reciprocal", (Input((1_000_000,), 2.0**-6, 2.0**6),), error="relative"),
    Work("matmul_512", "matmul", _pair(512, 512, limit=1.0)),
    Work("multiply_1e6", "multiply", _pair(1_000_000, limit=10.0), optional=True),
    Work("where_1e6", "where", _pair(1_000_000, limit=10.0), optional=True),
    Work("argmax_1e5", "argmax", (Input((100_000,), -1000.0, 1000.0),), optional=True),
    Work("sort_1e5", "sort", (Input((100_000,), -1000.0, 1000.0),), optional=True),
    Work("shuffle_1e6", "shuffle", (Input((1_000_000,), -1000.0, 1000.0),), optional=True),
)

TRUTHS: dict[str, Callable[..., Floats]] = {
    "less": lambda x, y: (x < y).astype(np.float64),
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "exp": np.exp,
    "reciprocal": lambda x: 1.0 / x,
    "matmul": lambda x, y: x @ y,
    "multiply": lambda x, y: x * y,
    "where": lambda x, y: np.where(x < y, x, y),
    "argmax": lambda x: np.asarray(np.argmax(x), dtype=np.float64),
    "sort": np.sort,
    "shuffle": np.sort,
}
"""In float64, by operation."""


def sized(name: str) -> Work:
    """A work, or one of another size than is listed: ``less_1e5``."""
    for work in WORKS:
        if work.name == name:
            return work
        prefix, _, size = name.rpartition("_")
        if work.name.rpartition("_")[0] == prefix and len(work.inputs[0].shape) == 1:
            inputs = tuple(replace(one, shape=(int(float(size)),)) for one in work.inputs)
            return replace(work, name=name, inputs=inputs)
    raise ValueError(f"no work is called {name}; there are {', '.join(work.name for work in WORKS)}")


def named(names: Sequence[str] | None) -> list[Work]:
    """The works of those names, as :func:`sized`; those that are not optional, where None.

    :raises ValueError: where a name is unknown.
    """
    if names is None:
        return [work for work in WORKS if not work.optional]
    return [sized(name) for name in dict.fromkeys(names)]


@dataclass(frozen=True)
class Data:
    """The inputs of a work and its true result."""

    inputs: tuple[Floats, ...]
    truth: Floats
    folder: Path
    """With the inputs as ``x0.npy``, … in float32."""


def generate(work: Work, directory: Path) -> Data:
    """The work's data, equal in every run."""
    generator = np.random.Generator(np.random.PCG64(20261123))
    inputs = tuple(one.draw(generator) for one in work.inputs)
    folder = directory / work.name
    folder.mkdir(parents=True, exist_ok=True)
    for index, values in enumerate(inputs):
        np.save(folder / f"x{index}.npy", values.astype(np.float32))
    return Data(inputs, TRUTHS[work.operation](*inputs), folder)


def difference(work: Work, result: Floats, truth: Floats) -> float:
    """The largest difference of a result from the truth, of the work's kind. A shuffled array has none where
    it has the same values."""
    if work.operation == "shuffle":
        result = np.sort(result)
    distance = np.abs(np.asarray(result, dtype=np.float64).reshape(truth.shape) - truth)
    if work.error == "relative":
        distance = distance / np.abs(truth)
    return float(distance.max())
