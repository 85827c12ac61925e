"""Loading a dataset: checked columns in Arrow memory, and ids in their common form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .schema import DatasetFacts, DatasetSpec

__all__ = ["Dataset", "draft_spec", "inspect", "keyed_ids", "load", "parse_spec"]


@dataclass(frozen=True)
class Dataset:
    """A loaded table at its owner's node."""

    spec: DatasetSpec
    table: pa.Table
    """(rows, columns asked for), in the order asked for, without the id column."""
    ids: pa.LargeStringArray
    """(rows,): normalised, not null, all different."""

    @property
    def rows(self) -> int:
        return len(self.ids)

    def keyed_ids(self, key: bytes) -> NDArray[np.uint8]:
        """(rows, 32) keyed BLAKE3 hashes of the ids; ``key`` is 32 bytes."""
        raise NotImplementedError


def keyed_ids(ids: pa.LargeStringArray, key: bytes) -> NDArray[np.uint8]:
    """(n, 32) keyed BLAKE3 hashes of normalised ids; ``key`` is 32 bytes."""
    raise NotImplementedError


def parse_spec(text: str, *, folder: Path) -> DatasetSpec:
    """A dataset description from YAML; a relative path in it starts at ``folder`` (CT-1401, CT-1402)."""
    raise NotImplementedError


def draft_spec(path: Path, name: str) -> str:
    """YAML to start a dataset description from: types from the data, the id guessed by name, no label."""
    raise NotImplementedError


def load(spec: DatasetSpec, columns: Sequence[str] | None = None) -> Dataset:
    """Read and check the named columns (all declared ones if None) and the ids. Nothing else is read."""
    raise NotImplementedError


def inspect(spec: DatasetSpec, owner: str) -> DatasetFacts:
    """Read and check everything declared, and say what peers may know."""
    raise NotImplementedError
