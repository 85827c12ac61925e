"""What sections are made of. The page's template draws each kind in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from coterie.learn.report.charts import Drawing
from coterie.learn.report.texts import Text

__all__ = [
    "Bar",
    "Beside",
    "Block",
    "Card",
    "Cards",
    "Cell",
    "Column",
    "Detail",
    "Figure",
    "Figures",
    "Items",
    "Key",
    "Note",
    "Section",
    "Table",
    "columns_of",
]


@dataclass(frozen=True)
class Bar:
    """A cell that shows a share of the column's largest value as a bar."""

    share: float
    """0 to 1."""
    style: str = "joint"
    kind: ClassVar[str] = "bar"

    @property
    def width(self) -> str:
        return f"{100 * min(1.0, max(0.0, self.share)):.1f}%"


@dataclass(frozen=True)
class Items:
    """A cell that is a list."""

    items: tuple[Text, ...]
    kind: ClassVar[str] = "items"


Cell: TypeAlias = "str | int | float | Text | Bar | Items | Drawing | None"


@dataclass(frozen=True)
class Column:
    """Of a table."""

    title: Text | str
    style: str = "text"
    """"n" for numbers, "name" for names of columns, "keep" for what is not broken, "draw" for drawings,
    "list" for lists, "soft" for remarks, "strong"."""


def columns_of(titles: Sequence[Text | str], styles: Sequence[str]) -> tuple[Column, ...]:
    """Of a table."""
    return tuple(Column(title, style) for title, style in zip(titles, styles, strict=True))


@dataclass(frozen=True)
class Table:
    """Scrolls by itself where it is wider than the screen."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    caption: Text | None = None
    narrow: bool = False
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Key:
    """An entry of a legend."""

    style: str
    text: Text


@dataclass(frozen=True)
class Figure:
    """A drawing with what it says."""

    title: Text | str
    drawing: Drawing
    caption: Text | None = None
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Figures:
    """Side by side where there is room."""

    figures: tuple[Figure, ...]
    wide: bool = False
    """Each over the whole width."""
    kind: ClassVar[str] = "figures"


@dataclass(frozen=True)
class Card:
    """One number that people look for first."""

    name: Text
    value: str | Text
    note: Text | str = ""


@dataclass(frozen=True)
class Cards:
    cards: tuple[Card, ...]
    kind: ClassVar[str] = "cards"


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    text: Text
    style: str = "note"
    """"note" for remarks, "lead" for what counts."""
    kind: ClassVar[str] = "note"


@dataclass(frozen=True)
class Beside:
    """Two blocks side by side where there is room."""

    blocks: tuple[Block, ...]
    style: str = ""
    """"chart" for a drawing and the table of what it shows."""
    kind: ClassVar[str] = "beside"


@dataclass(frozen=True)
class Detail:
    """A heading below the section's, with what belongs to it."""

    title: Text | str
    blocks: tuple[Block, ...]
    remark: Text | str = ""
    kind: ClassVar[str] = "detail"


Block: TypeAlias = "Table | Figures | Cards | Note | Beside | Detail"


@dataclass(frozen=True)
class Section:
    """A chapter of the page."""

    key: str
    """Its anchor."""
    title: Text
    blocks: tuple[Block, ...] = field(default=())
