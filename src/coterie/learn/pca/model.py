"""Principal components as they are stored: an envelope around plain little-endian float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pydantic import Field

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.joined import Stored, opened, sealed_header, wrapped
from coterie.learn.linear import MODEL_UNFIT, Floats, Place, places_of
from coterie.learn.pca.clear import Fitted, project
from coterie.learn.pca.params import MOST_FEATURES, PcaParams
from coterie.learn.pca.record import PcaComponent, PcaFeature, PcaRecord
from coterie.learn.pooled import complete_values

__all__ = ["Components", "load_components", "read_components"]

KIND = PcaParams.kind
BLOCK = 1 << 16
"""Rows that are projected at once."""


class _Header(Stored):
    rows: int = Field(ge=1, lt=2**53)


@dataclass(frozen=True)
class Components:
    """What a step has learnt."""

    columns: Mapping[str, tuple[str, ...]]
    """Features by owner, in model order."""
    params: PcaParams
    found: Fitted
    """All components; those that are kept are the first of them."""

    @property
    def places(self) -> tuple[Place, ...]:
        return places_of(self.columns)

    @property
    def loadings(self) -> Floats:
        """(components, width) of those that are kept."""
        return self.found.loadings[: self.params.components]

    def project(self, frame: VerticalFrame) -> Floats:
        """(rows, components). Errors: CT-1422, CT-1433, CT-3027, CT-3028."""
        found = np.empty((frame.rows, self.params.components))
        scale = np.sqrt(self.found.variances[: self.params.components]) if self.params.whiten else 1.0
        for start in range(0, frame.rows, BLOCK):
            values = complete_values(frame.block(start, min(start + BLOCK, frame.rows)), self.places)
            part = project(values, self.found.means, self.found.scales, self.loadings)
            found[start : start + len(part)] = part / scale
        return found

    def made(self, frame: VerticalFrame) -> Iterator[tuple[str, pa.ChunkedArray]]:
        """The new columns."""
        if not self.params.made:
            return
        found = self.project(frame)
        for number, name in enumerate(self.params.made):
            yield name, pa.chunked_array([pa.array(found[:, number])])

    def record(self) -> PcaRecord:
        """As people read it."""
        found, whole = self.found, float(self.found.variances.sum())
        shares = found.variances / whole if whole > 0 else np.zeros_like(found.variances)
        cumulative = np.cumsum(shares)
        kept = range(self.params.components)
        return PcaRecord(
            rows=found.rows,
            scale=self.params.scale,
            variance=whole,
            features=tuple(
                PcaFeature(party=owner, column=name, mean=mean, scale=scale)
                for (owner, name), mean, scale in zip(
                    self.places, found.means.tolist(), found.scales.tolist(), strict=True
                )
            ),
            components=tuple(
                PcaComponent(
                    variance=float(found.variances[one]),
                    share=float(shares[one]),
                    cumulative=float(cumulative[one]),
                    loadings=tuple(found.loadings[one].tolist()),
                )
                for one in kept
            ),
            variances=tuple(found.variances.tolist()),
        )

    def to_bytes(self) -> bytes:
        header = {
            **sealed_header(self.columns, self.params.model_dump(mode="json")),
            "rows": self.found.rows,
        }
        found = self.found
        parts = (found.means, found.scales, found.variances, self.loadings)
        return wrapped(KIND, header, b"".join(part.astype("<f8").tobytes() for part in parts))


def load_components(data: bytes) -> Components:
    """What ``to_bytes`` wrote. Errors: CT-3053 for any other bytes."""
    try:
        return read_components(data)
    except ValueError as error:
        raise MODEL_UNFIT(type(error).__name__) from error


def read_components(data: bytes) -> Components:
    """The same. Raises ValueError for any other bytes."""
    try:
        header, body = opened(KIND, data, _Header)
    except CoterieError as error:
        raise ValueError("no canonical JSON") from error
    params, columns = PcaParams.model_validate(header.params), header.ordered()
    width = sum(map(len, columns.values()))
    if not params.components <= width <= MOST_FEATURES:
        raise ValueError("number of features")
    if len(body) != 8 * width * (3 + params.components):
        raise ValueError("size of the numbers")
    numbers = np.frombuffer(body, "<f8").astype(np.float64).reshape(-1, width)
    means, scales, variances = numbers[:3]
    fit = np.isfinite(numbers).all() and (scales > 0).all() and (variances >= 0).all()
    if not fit or (params.whiten and not variances[params.components - 1] > 0):
        raise ValueError("a number that cannot be")
    return Components(columns, params, Fitted(header.rows, means, scales, variances, numbers[3:]))
