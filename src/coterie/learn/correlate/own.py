"""What an owner makes of its own columns, alone: columns of mean 0 and length 1, whose products are
correlations; and for ``vif`` uncorrelated ones, with the way back.

No entry of a column of length 1 is above 1, however far out a row lies, and by Cauchy and Schwarz no product
of two of them is: so number formats in secret need not know how many rows there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coterie.data import VerticalFrame
from coterie.learn.correlate.errors import FEW_DIFFER
from coterie.learn.correlate.params import Method
from coterie.learn.errors import COLUMN_ALL_NULL, CONSTANT_FEATURE, NOT_FINITE, NULLS_LEFT
from coterie.learn.linear import Floats, gram

__all__ = ["BEYOND", "LARGEST", "Apart", "apart", "own_block", "unit_columns"]

LARGEST = 1000.0
"""Above this, a variance inflation factor is not told apart from infinity."""
BEYOND = 8.0 * LARGEST
"""What stands for one that is larger by an owner's own columns alone."""
SPANNED = 1e-9
"""Eigenvalues of correlations up to this are taken for 0."""
PART = LARGEST * SPANNED
"""Share of a column in such directions from which on its factor is larger than LARGEST."""


def unit_columns(
    frame: VerticalFrame, owner: str, names: Sequence[str], method: Method, *, fill: bool, group: int
) -> Floats:
    """(rows, len(names)): centred, of length 1.

    :param fill: whether the mean is taken where a value is missing.
    :param group: fewest rows with another value than the most frequent one.

    Errors: CT-1433 (text), CT-3020 (no value at all), CT-3025 (one value), CT-3027 (missing), CT-3028 (not
    finite), CT-3138 (few rows differ).
    """
    values = frame.values([(owner, name) for name in names])
    for j, name in enumerate(names):
        values[:, j] = _unit(values[:, j], f"'{name}'", method, fill=fill, group=group)
    return values


def _unit(values: Floats, what: str, method: Method, *, fill: bool, group: int) -> Floats:
    gone = np.isnan(values)
    if gone.any() and not fill:
        raise NULLS_LEFT(what)
    present = values[~gone]
    if not len(present):
        raise COLUMN_ALL_NULL(what)
    if not np.isfinite(present).all():
        raise NOT_FINITE(what)
    _, places, counts = np.unique(present, return_inverse=True, return_counts=True)
    if len(counts) == 1:
        raise CONSTANT_FEATURE(what)
    most = max(int(counts.max()), int(gone.sum()))
    if len(values) - most < group:
        raise FEW_DIFFER(what)
    if method == "spearman":
        present = (np.cumsum(counts) - (counts - 1) / 2)[places]
    present = present / np.abs(present).max()  # so that squares stay within float64
    away = np.zeros(len(values))
    away[~gone] = present - present.mean()
    length = float(np.linalg.norm(away))
    if not length > 1e-12 * np.sqrt(len(values)):  # what is left of values all but equal is rounding
        raise CONSTANT_FEATURE(what)
    return away / length


def own_block(columns: Floats) -> Floats:
    """(width, width): correlations of one owner's unit columns."""
    whole = np.clip(gram(columns), -1, 1)
    np.fill_diagonal(whole, 1.0)
    return whole


@dataclass(frozen=True)
class Apart:
    """How unit columns V are turned apart: U = V T has U'U = 1, where V'V = Q Λ Q' and T = Q Λ^(−1/2).

    With M the matrix of products of all owners' U, a column's variance inflation factor is s' W s, where s is
    its column of Λ^(−1/2) Q', and W its owner's block of the inverse of M.
    """

    turn: Floats
    """T, (width, width). A direction that the columns do not span is a column of zeros."""
    ways: Floats
    """(width, width): each s as a row, brought to length 1."""
    factors: Floats
    """(width,): the square of its length, which is the factor among these columns alone; at most BEYOND."""


def apart(block: Floats) -> Apart:
    """Of the correlations of unit columns."""
    spread, vectors = np.linalg.eigh(block)
    spanned = spread > SPANNED
    scale = np.where(spanned, 1 / np.sqrt(np.where(spanned, spread, 1.0)), 0.0)
    ways = vectors * scale
    factors = np.square(ways).sum(axis=1)
    # A column with a part in a direction that is not spanned is made of others.
    beyond = (np.square(vectors[:, ~spanned]).sum(axis=1) > PART) | (factors > BEYOND)
    ways[beyond] = np.eye(len(block))[0]
    factors[beyond] = 1.0
    ways = ways / np.sqrt(factors)[:, None]
    factors[beyond] = BEYOND
    return Apart(vectors * scale, ways, factors)
