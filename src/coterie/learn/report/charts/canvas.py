"""Elements of SVG, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from markupsafe import Markup, escape

from coterie.learn.report.texts import TAGS, Language, Text

__all__ = ["Canvas", "Drawing"]


class Drawing(Protocol):
    """Something that can be drawn."""

    def svg(self, language: Language) -> Markup:
        """The element. Texts of both languages are in it where the page has both."""


class Canvas:
    """Collects elements; places are in units of the picture, from its upper left corner."""

    def __init__(self, width: float, height: float, language: Language, style: str = "") -> None:
        self._size, self._language, self._style = (width, height), language, style
        self._parts: list[str] = []

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        self._parts.append(f'<line class="{style}" x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"/>')

    def rect(self, x: float, y: float, width: float, height: float, style: str, fill: str = "") -> None:
        filled = f' fill="{fill}"' if fill else ""
        size = f'width="{_n(width)}" height="{_n(height)}"'
        self._parts.append(f'<rect class="{style}" x="{_n(x)}" y="{_n(y)}" {size}{filled}/>')

    def circle(self, x: float, y: float, radius: float, style: str) -> None:
        self._parts.append(f'<circle class="{style}" cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"/>')

    def path(self, points: Sequence[tuple[float, float]], style: str, *, closed: bool = False) -> None:
        """Straight lines from point to point."""
        if points:
            along = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
            self._parts.append(f'<path class="{style}" d="M{along}{"Z" if closed else ""}"/>')

    def text(self, x: float, y: float, text: Text | str, style: str = "", hint: Text | str = "") -> None:
        """
        :param style: "s", "m" or "e" for where it is anchored, and what else the page knows.
        :param hint: shown to who points at it.
        """
        place = f'class="{style}" x="{_n(x)}" y="{_n(y)}"'
        sides = [("", escape(text))] if isinstance(text, str) else self._sides(text)
        for tag, side in sides:
            told = f"<title>{escape(hint)}</title>" if isinstance(hint, str) and hint else ""
            self._parts.append(f"<text {place}{tag}>{told}{side}</text>")

    def _sides(self, text: Text) -> list[tuple[str, Markup]]:
        if self._language != "both":
            return [("", text.side(self._language))]
        if text.en == text.zh:
            return [("", text.en)]
        return [(f' lang="{TAGS["en"]}"', text.en), (f' lang="{TAGS["zh"]}"', text.zh)]

    def svg(self) -> Markup:
        width, height = self._size
        head = f'<svg viewBox="0 0 {_n(width)} {_n(height)}" aria-hidden="true"{self._style}>'
        return Markup(f"{head}{''.join(self._parts)}</svg>")  # noqa: S704 - texts are escaped above


def _n(value: float) -> str:
    """A tenth of a unit is finer than a screen shows."""
    text = f"{value:.1f}"
    return (
        text.removesuffix(".0").replace("-0", "0", 1) if text in ("-0.0", "0.0") else text.removesuffix(".0")
    )
