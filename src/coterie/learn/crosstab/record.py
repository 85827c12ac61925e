"""What ``crosstab`` gives: tables to the columns' owners, measures of association to the others."""

from __future__ import annotations

from typing import Literal

from coterie.learn.documents import Document

__all__ = ["Association", "Associations", "Cell", "Crosstab", "Crosstabs", "associations_size"]


class Cell(Document):
    """A group of a column."""

    label: str
    """What is in it: "[18, 25)", "basic", "(missing)"."""
    rows: int
    goods: int
    """Rows with label 0."""
    bads: int
    """Rows with label 1."""
    rate: float
    """Of bads."""
    expected_bads: float
    """Were the label independent of the column."""


class Crosstab(Document):
    """One column against the label. Private to the column's owner."""

    party: str
    column: str
    cells: tuple[Cell, ...]


class Crosstabs(Document):
    """What the owner of columns sees of them."""

    version: Literal[1] = 1
    tables: tuple[Crosstab, ...]


class Association(Document):
    """How much a column and the label depend on each other, by groups that are not told."""

    party: str
    column: str
    groups: int
    chi2: float
    """Pearson's statistic, without a correction: to three digits, and the rest is made of it."""
    freedom: int
    p_value: float
    cramers_v: float
    """From 0 (independent) to 1."""


class Associations(Document):
    """What receivers are told of all columns, the strongest first."""

    version: Literal[1] = 1
    step: str
    columns: tuple[Association, ...]


_NUMBER = len("-1.2345678901234567e-308")
_ROW = len('{"chi2":,"column":"","cramers_v":,"freedom":,"groups":,"p_value":,"party":""},') + 5 * _NUMBER
_FRAME = len('{"columns":[],"step":"","version":1}')


def associations_size(step: str, party: str, columns: tuple[str, ...]) -> int:
    """Bytes of one party's columns, at most: what they are padded to."""

    def length(text: str) -> int:
        return 2 * len(text.encode()) + 4 * sum(ord(letter) < 32 for letter in text)

    return _FRAME + length(step) + sum(_ROW + length(name) + length(party) for name in columns)
