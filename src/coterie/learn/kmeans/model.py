"""Clusters as they are stored: an envelope around plain little-endian float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.joined import Stored, opened, sealed_header, wrapped
from coterie.learn.kmeans.clear import Fitted, distances
from coterie.learn.kmeans.params import MOST_CLUSTERS, MOST_FEATURES, KmeansParams
from coterie.learn.kmeans.record import Cluster, ClusterFeature, KmeansRecord
from coterie.learn.linear import MODEL_UNFIT, Floats, Place, places_of
from coterie.learn.pooled import complete_values

__all__ = ["Clusters", "load_clusters", "read_clusters"]

KIND = KmeansParams.kind
BLOCK = 1 << 16
"""Rows that are looked at at once."""
Size = Annotated[int, Field(ge=1, lt=2**53, strict=True)]
Sum = Annotated[float, Field(ge=0)]


class _Header(Stored):
    sizes: Annotated[tuple[Size, ...], Field(min_length=1, max_length=MOST_CLUSTERS)]
    inertia: Sum
    spread: Sum
    inertias: Annotated[tuple[Sum, ...], Field(min_length=1, max_length=20)]
    iterations: int = Field(ge=1, le=300, strict=True)
    converged: bool = Field(strict=True)


@dataclass(frozen=True)
class Clusters:
    """What a step has learnt."""

    columns: Mapping[str, tuple[str, ...]]
    """Features by owner, in model order."""
    params: KmeansParams
    found: Fitted

    @property
    def places(self) -> tuple[Place, ...]:
        return places_of(self.columns)

    def of(self, frame: VerticalFrame) -> tuple[NDArray[np.int64], Floats]:
        """(rows,) each row's cluster, from 1, and (rows,) its distance from the centre.

        Errors: CT-1422, CT-1433, CT-3027, CT-3028.
        """
        cluster, apart = np.empty(frame.rows, np.int64), np.empty(frame.rows)
        for start in range(0, frame.rows, BLOCK):
            values = complete_values(frame.block(start, min(start + BLOCK, frame.rows)), self.places)
            part = slice(start, start + len(values))
            cluster[part], apart[part] = distances(values, self.found.centres)
        return cluster + 1, apart

    def made(self, frame: VerticalFrame) -> Iterator[tuple[str, pa.ChunkedArray]]:
        """The new column, if there is to be one."""
        for name in self.params.made:
            yield name, pa.chunked_array([pa.array(self.of(frame)[0])])

    def record(self) -> KmeansRecord:
        """As people read it."""
        found = self.found
        return KmeansRecord(
            rows=sum(found.sizes),
            asked=self.params.clusters,
            features=tuple(ClusterFeature(party=owner, column=name) for owner, name in self.places),
            clusters=tuple(
                Cluster(number=number, rows=rows, centre=tuple(centre))
                for number, (rows, centre) in enumerate(
                    zip(found.sizes, found.centres.tolist(), strict=True), start=1
                )
            ),
            inertia=found.inertia,
            spread=found.spread,
            iterations=found.iterations,
            converged=found.converged,
            start=tuple(tuple(one) for one in found.start.tolist()),
            inertias=found.inertias,
        )

    def to_bytes(self) -> bytes:
        found = self.found
        header = {
            **sealed_header(self.columns, self.params.model_dump(mode="json")),
            "sizes": list(found.sizes),
            "inertia": found.inertia,
            "spread": found.spread,
            "inertias": list(found.inertias),
            "iterations": found.iterations,
            "converged": found.converged,
        }
        numbers = np.concatenate([found.centres.ravel(), found.start.ravel()])
        return wrapped(KIND, header, numbers.astype("<f8").tobytes())


def load_clusters(data: bytes) -> Clusters:
    """What ``to_bytes`` wrote. Errors: CT-3053 for any other bytes."""
    try:
        return read_clusters(data)
    except ValueError as error:
        raise MODEL_UNFIT(type(error).__name__) from error


def read_clusters(data: bytes) -> Clusters:
    """The same. Raises ValueError for any other bytes."""
    try:
        header, body = opened(KIND, data, _Header)
    except CoterieError as error:
        raise ValueError("no canonical JSON") from error
    params, columns = KmeansParams.model_validate(header.params), header.ordered()
    width, clusters = sum(map(len, columns.values())), len(header.sizes)
    if not 1 <= width <= MOST_FEATURES or clusters > params.clusters:
        raise ValueError("numbers of features and clusters")
    if len(body) != 8 * width * (clusters + params.clusters):
        raise ValueError("size of the numbers")
    numbers = np.frombuffer(body, "<f8").astype(np.float64).reshape(-1, width)
    if not np.isfinite(numbers).all():
        raise ValueError("a number that is not finite")
    found = Fitted(
        centres=numbers[:clusters],
        sizes=header.sizes,
        inertia=header.inertia,
        spread=header.spread,
        start=numbers[clusters:],
        inertias=header.inertias,
        iterations=header.iterations,
        converged=header.converged,
    )
    return Clusters(columns, params, found)
