"""Ids that somebody asks for, in the common form: without a table of their own."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from .ids import composed
from .rules import normalise
from .schema import IdRule

__all__ = ["asked_ids"]


def asked_ids(ids: Sequence[Sequence[str]], rules: Sequence[Sequence[IdRule]]) -> pa.LargeStringArray:
    """The ids after the steps of the rules, one text each; null where nothing is left of a part.

    :param ids: of each the parts, in the order of the id's columns.
    :param rules: the steps of each column.

    Raises ValueError where an id has not as many parts as there are rules.
    """
    if any(len(one) != len(rules) for one in ids):
        raise ValueError(f"an id has not {len(rules)} parts")
    parts = []
    for place, rule in enumerate(rules):
        part = normalise(pa.array([one[place] for one in ids], pa.large_string()), rule)
        parts.append(pc.if_else(pc.equal(part, ""), pa.scalar(None, pa.large_string()), part))
    return composed(parts)
