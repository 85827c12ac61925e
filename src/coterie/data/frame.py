"""A table that is spread over parties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["VerticalFrame"]


@dataclass(frozen=True)
class VerticalFrame:
    """One party's part of a table whose rows are equal at all parties and whose columns are spread over them."""

    rows: int
    columns: Mapping[str, tuple[str, ...]]
    """Feature columns of every party, in model order. Equal at all parties."""
    label_holder: str
    label: str
    table: pa.Table
    """The own columns: (rows, own features and, at its holder, the label), in the common row order."""
    keys: NDArray[np.uint8]
    """(rows, 32): keyed hashes of the common ids. Equal at all parties."""

    def matrix(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """Own columns as (rows, len(columns)) float64 in C order; a null becomes NaN.

        Raises CT-1422 for a column that is not in the own table and CT-1433 for text.
        """
        raise NotImplementedError

    def labels(self) -> NDArray[np.int8]:
        """The label as (rows,) int8 of zeros and ones.

        Raises CT-1501 for a null, CT-1502 for any other value, CT-1503 where this party does not hold the label.
        """
        raise NotImplementedError

    def take(self, indices: NDArray[np.int64]) -> VerticalFrame:
        """The rows of those numbers, in that order."""
        raise NotImplementedError

    def with_columns(self, values: Mapping[str, NDArray[np.float64]]) -> VerticalFrame:
        """The frame with those own columns replaced by (rows,) float64 each; NaN is stored as null."""
        return replace(self)
