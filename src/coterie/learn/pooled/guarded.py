"""What a party counts of its own rows, so that what it leaves out is no few rows either."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["counted_texts", "counted_values"]

Floats = NDArray[np.float64]


def counted_values(values: Floats, rows: int, least: int) -> Floats:
    """A party's values of a column: none where fewer rows than ``least`` have one; where fewer have none, and
    any, these have the middle value.

    :param values: (n,) those that are there, of so many rows.
    """
    missing = rows - len(values)
    if len(values) < max(1, least):
        return values[:0]
    if not 0 < missing < least:
        return values
    middle = np.partition(values, (len(values) - 1) // 2)[(len(values) - 1) // 2]
    return np.concatenate([values, np.full(missing, middle)])


def counted_texts(counts: Mapping[str, int], rows: int, least: int) -> dict[str, int]:
    """A party's frequent texts, such that of its other rows, those without a text among them, there are none
    or at least ``least``.

    :param counts: rows by text, of so many rows.
    """
    kept = {text: count for text, count in counts.items() if count >= max(1, least)}
    rest = rows - sum(kept.values())
    for text in sorted(kept, key=lambda text: (kept[text], text)):
        if not 0 < rest < least:
            break
        rest += kept.pop(text)
    return kept
