"""One owner's new columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa

from coterie.learn.expression import evaluated, parsed

from .errors import RESULT_MISSING

__all__ = ["derived"]


def derived(
    table: pa.Table, expressions: Mapping[str, str], *, strict: bool
) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """Each new column, one after another, by name: (rows,) of int64, float64, bool or large string.

    :param strict: whether a result that is missing though nothing else is, is an error.

    Errors: CT-3116, CT-3117, CT-3118.
    """
    for name, text in expressions.items():
        column, lost = evaluated(parsed(text, f"'{name}'"), table)
        if (
            lost and strict
        ):  # how often is not told: errors go to all parties, and it could be asked of anything
            raise RESULT_MISSING(f"'{name}'")
        yield name, column
