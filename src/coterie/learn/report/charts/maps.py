"""A map of numbers by colour, and an interval on a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from coterie.learn.report.charts.canvas import Canvas
from coterie.learn.report.texts import Language

__all__ = ["HeatMap", "Whisker"]

LABEL = 216.0
LONGEST = 32
WHOLE = 620.0
POSITIVE, NEGATIVE, PAPER = (0, 98, 155), (200, 82, 0), (255, 255, 255)
SHOWN = 14
"""Most columns for which the numbers are written into the cells."""


@dataclass(frozen=True)
class HeatMap:
    """A square of numbers from -1 to 1: blue above nought, orange below, white at it; grey where none is."""

    names: Sequence[str]
    values: Sequence[Sequence[float | None]]

    def svg(self, language: Language) -> Markup:
        count = max(len(self.names), 1)
        cell = min(40.0, max(9.0, (WHOLE - LABEL) / count))
        width, height = LABEL + cell * count + 4, 24 + cell * count + 4
        least = f' style="min-width:{min(width, 560):.0f}px;max-width:{1.25 * width:.0f}px"'
        canvas = Canvas(width, height, language, least)
        for row, name in enumerate(self.names):
            y = 24 + row * cell
            if cell >= 12:
                canvas.text(LABEL - 30, y + cell / 2 + 4, _cut(name), "e map", name)
            if cell >= 12 or row % 5 == 0:
                canvas.text(LABEL - 8, y + cell / 2 + 4, str(row + 1), "e map soft")
                canvas.text(LABEL + (row + 0.5) * cell, 16, str(row + 1), "m map soft")
            for place, value in enumerate(self.values[row]):
                x = LABEL + place * cell
                canvas.rect(x, y, cell - 1, cell - 1, "cell", _colour(value))
                if count <= SHOWN and value is not None:
                    dark = " light" if abs(value) > 0.6 else ""
                    shown = f"{value:.2f}".replace("-", "\u2212").replace("0.", ".", 1)
                    canvas.text(x + cell / 2 - 0.5, y + cell / 2 + 3.5, shown, f"m cellvalue{dark}")
        return canvas.svg()


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _colour(value: float | None) -> str:
    if value is None:
        return "#c9d0d6"
    end = POSITIVE if value >= 0 else NEGATIVE
    part = min(1.0, abs(value))
    mixed = (round(paper + part * (colour - paper)) for paper, colour in zip(PAPER, end, strict=True))
    return "#" + "".join(f"{one:02x}" for one in mixed)


@dataclass(frozen=True)
class Whisker:
    """An estimate and its interval, on a scale that all lines of a table share."""

    low: float
    middle: float
    high: float
    scale: tuple[float, float]
    style: str = "joint"

    def svg(self, language: Language) -> Markup:
        canvas = Canvas(200, 18, language)
        start, end = self.scale
        span = (end - start) or 1.0

        def place(value: float) -> float:
            return 4 + 192 * min(1.0, max(0.0, (value - start) / span))

        if start <= 0 <= end:
            canvas.line(place(0), 0, place(0), 18, "zero")
        canvas.line(place(self.low), 9, place(self.high), 9, f"whisker {self.style}")
        for one in (self.low, self.high):
            canvas.line(place(one), 5.5, place(one), 12.5, f"whisker {self.style}")
        canvas.circle(place(self.middle), 9, 3.8, f"dot {self.style}")
        return canvas.svg()
