"""Tables of several parties with the same columns, and trainings over sums of their rows."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pytest

from coterie.data import Dataset
from coterie.fl import LocalSums
from coterie.learn.glm import GlmParams
from coterie.learn.glm.design import design
from coterie.learn.glm.fl import Rows, Training, train
from coterie.learn.pooled import Adding
from coterie.mpc import RowBlocks
from tests.learn import pipeline
from tests.learn.glm_data import DATA, Case, Floats

T = TypeVar("T")
NAMES = ("east", "north", "west")
HOMO = ("guest", "host_1", "host_2")


def together(work: Callable[[str, Adding], T], names: Sequence[str] = NAMES) -> list[T]:
    """The work of each party, in a thread each, with sums over all of them."""
    sums = LocalSums.group(*names)
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(lambda name: work(name, sums[name].total), names))


def parted(rows: int, names: Sequence[str] = NAMES) -> dict[str, slice]:
    """Uneven parts of so many rows."""
    shares = np.cumsum([0, *range(1, len(names) + 1)])
    cuts = (rows * shares // shares[-1]).tolist()
    return {name: slice(*ends) for name, ends in zip(names, pairwise(cuts), strict=True)}


def trained(case: Case, params: GlmParams, order: np.ndarray | None = None) -> list[Training]:
    """What each of three parties has after a training on the case's rows.

    :param order: of the rows, of which the first sixth is the first party's.
    """
    features, places = case.whole, np.arange(len(case.label)) if order is None else order
    numbers = design(len(features), {"each": features.shape[1]}, params)
    parts = {name: places[part] for name, part in parted(len(features)).items()}

    def of(given: Floats | None, name: str) -> Floats | None:
        return None if given is None else given[parts[name]]

    def work(name: str, adding: Adding) -> Training:
        own = features[parts[name]]
        blocks = RowBlocks(own.shape, lambda start, stop: own[start:stop])
        rows = Rows(blocks, case.label[parts[name]], of(case.weights, name), of(case.offset, name))
        return train(adding, rows, numbers, [str(j) for j in range(features.shape[1])])

    return together(work)


def datasets(columns: Mapping[str, Floats], label: str, names: Sequence[str] = NAMES) -> dict[str, Dataset]:
    """A table cut into uneven parts, one for each party."""
    rows = len(columns[label])
    return {
        name: pipeline.dataset(
            [f"{name}-{row}" for row in range(part.stop - part.start)],
            {column: values[part] for column, values in columns.items()},
            label,
        )
        for name, part in parted(rows, names).items()
    }


@lru_cache
def homo(part: str) -> tuple[tuple[str, ...], Floats]:
    """Names and values of one party's default_credit table, without ids; or the test is skipped."""
    path = DATA / "fate_examples" / f"default_credit_homo_{part}.csv.gz"
    if not path.exists():
        pytest.skip(f"no {path}: see README.md there for where it comes from")
    with gzip.open(path, "rt") as lines:
        head, *rows = list(csv.reader(lines))
    return tuple(head[1:]), np.array([row[1:] for row in rows], np.float64)


def homo_datasets() -> dict[str, Dataset]:
    """default_credit at three parties; label y."""
    found = {}
    for name, part in zip(NAMES, HOMO, strict=True):
        head, values = homo(part)
        columns = {column: values[:, j] for j, column in enumerate(head)}
        label = columns.pop("y").astype(np.int64)
        ids = [f"{name}-{row}" for row in range(len(values))]
        found[name] = pipeline.dataset(ids, {**columns, "y": label}, "y")
    return found


def whole(columns: Mapping[str, Floats], label: str, names: Sequence[str] = NAMES) -> dict[str, Dataset]:
    """The same rows, with the same ids, in one place: what engine clear works on."""
    parts = parted(len(columns[label]), names)
    ids = [f"{name}-{row}" for name, part in parts.items() for row in range(part.stop - part.start)]
    return {"all": pipeline.dataset(ids, columns, label)}
