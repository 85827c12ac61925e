"""Safe expressions over one party's columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .parse import Expression, parsed

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Expression", "evaluated", "parsed"]


def evaluated(expression: Expression, table: pa.Table) -> tuple[pa.ChunkedArray, int]:
    """(rows,) of int64, float64, bool or large string, and how many of them are null although every column
    that the expression names has a value there.

    :param table: with all columns of ``expression.names``.

    Errors: CT-3117, naming what the expression is of and the character.
    """
    from .evaluate import evaluated as found  # its tables of Arrow's functions load Arrow

    return found(expression, table)
