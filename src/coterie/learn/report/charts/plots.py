"""Plots with two axes, or three."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from markupsafe import Markup

from coterie.learn.report.charts.canvas import Canvas
from coterie.learn.report.texts import Language, Text

__all__ = ["Axis", "Bars", "Dots", "Gap", "Line", "Mark", "Plot", "Steps", "axis", "nice_ticks"]

WIDTH, HEIGHT = 480.0, 322.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 20.0, 30.0, 50.0
RIGHT_AXIS = 48.0


@dataclass(frozen=True)
class Axis:
    """From low to high, with what is written at places along it."""

    title: Text
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    root: bool = False
    """Places by square root: spreads small rates, and still shows a rate of nought."""

    def place(self, value: float, start: float, end: float) -> float:
        low, high, at = (math.sqrt(max(v, 0.0)) if self.root else v for v in (self.low, self.high, value))
        share = (at - low) / (high - low) if high > low else 0.5
        return start + min(1.0, max(0.0, share)) * (end - start)


def axis(
    title: Text, low: float, high: float, shown: Callable[[float], str], count: int = 5, *, root: bool = False
) -> Axis:
    """With round places on it."""
    return Axis(title, low, high, tuple((one, shown(one)) for one in nice_ticks(low, high, count)), root)


def nice_ticks(low: float, high: float, count: int) -> tuple[float, ...]:
    """About ``count`` round numbers between low and high."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return (low,)
    rough = span / max(count, 1)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next((one * unit for one in (1, 2, 2.5, 5) if one * unit >= rough * 0.999), 10 * unit)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return tuple(round(n * step, 12) for n in range(first, last + 1))


@dataclass(frozen=True)
class _Area:
    """Where points of a plot are on the canvas."""

    canvas: Canvas
    x: Axis
    y: Axis
    box: tuple[float, float, float, float]
    """Left, top, right, bottom."""

    def at(self, x: float, y: float) -> tuple[float, float]:
        left, top, right, bottom = self.box
        return self.x.place(x, left, right), self.y.place(y, bottom, top)


class Mark(Protocol):
    """What a plot shows of some data."""

    @property
    def right(self) -> bool:
        """Whether its heights are on the axis to the right."""

    def draw(self, area: _Area) -> None:
        """Onto the area's canvas."""


@dataclass(frozen=True)
class Line:
    """Through points."""

    points: Sequence[tuple[float, float]]
    style: str
    right: bool = False
    dots: bool = False

    def draw(self, area: _Area) -> None:
        places = [area.at(x, y) for x, y in self.points]
        area.canvas.path(places, f"line {self.style}")
        for x, y in places if self.dots else ():
            area.canvas.circle(x, y, 3.4, f"dot {self.style}")


@dataclass(frozen=True)
class Steps:
    """A histogram as an outline over a tint."""

    edges: Sequence[float]
    heights: Sequence[float]
    style: str
    right: bool = False

    def draw(self, area: _Area) -> None:
        outline = [area.at(self.edges[0], 0)]
        for number, height in enumerate(self.heights):
            outline += [area.at(self.edges[number], height), area.at(self.edges[number + 1], height)]
        outline.append(area.at(self.edges[-1], 0))
        area.canvas.path(outline, f"tint {self.style}", closed=True)
        area.canvas.path(outline, f"line {self.style}")


@dataclass(frozen=True)
class Bars:
    """Upright, each around its place."""

    bars: Sequence[tuple[float, float]]
    """Places and heights."""
    style: str
    width: float = 0.68
    shift: float = 0.0
    right: bool = False

    def draw(self, area: _Area) -> None:
        for place, height in self.bars:
            middle = place + self.shift
            left, top = area.at(middle - self.width / 2, max(height, 0.0))
            right, bottom = area.at(middle + self.width / 2, min(height, 0.0))
            area.canvas.rect(left, top, right - left, max(bottom - top, 0.6), f"bar {self.style}")


@dataclass(frozen=True)
class Dots:
    """Points, with their intervals where they have one."""

    points: Sequence[tuple[float, float]]
    style: str
    intervals: Sequence[tuple[float, float]] = ()
    right: bool = False

    def draw(self, area: _Area) -> None:
        for (x, _), (low, high) in zip(self.points, self.intervals, strict=False):
            (at, top), (_, bottom) = area.at(x, high), area.at(x, low)
            area.canvas.line(at, top, at, bottom, f"whisker {self.style}")
            for end in (top, bottom):
                area.canvas.line(at - 3, end, at + 3, end, f"whisker {self.style}")
        for x, y in self.points:
            area.canvas.circle(*area.at(x, y), 4, f"dot {self.style}")


@dataclass(frozen=True)
class Gap:
    """An upright distance with what it is."""

    x: float
    ends: tuple[float, float]
    texts: tuple[Text | str, ...]
    right: bool = False

    def draw(self, area: _Area) -> None:
        (x, first), (_, second) = area.at(self.x, self.ends[0]), area.at(self.x, self.ends[1])
        area.canvas.line(x, first, x, second, "gap")
        for y in (first, second):
            area.canvas.circle(x, y, 3, "dot gap")
        left = x > (area.box[0] + area.box[2]) * 0.62
        for number, text in enumerate(self.texts):
            y = (first + second) / 2 + 5 + 17 * (number - (len(self.texts) - 1) / 2)
            area.canvas.text(x + (-9 if left else 9), y, text, "halo e" if left else "halo s")


@dataclass(frozen=True)
class Plot:
    """One picture."""

    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    second: Axis | None = None
    """To the right."""
    grid: bool = False
    """Upright lines, too."""
    height: float = HEIGHT

    def svg(self, language: Language) -> Markup:
        canvas = Canvas(WIDTH, self.height, language)
        right = WIDTH - (RIGHT_AXIS if self.second else RIGHT)
        box = (LEFT, TOP, right, self.height - BOTTOM)
        area = _Area(canvas, self.x, self.y, box)
        self._axes(area)
        for mark in self.marks:
            upright = self.second if mark.right and self.second else self.y
            mark.draw(_Area(canvas, self.x, upright, box))
        return canvas.svg()

    def _axes(self, area: _Area) -> None:
        canvas, (left, top, right, bottom) = area.canvas, area.box
        for value, shown in self.y.ticks:
            y = self.y.place(value, bottom, top)
            canvas.line(left, y, right, y, "grid")
            canvas.text(left - 8, y + 4.3, shown, "e tick")
        for value, shown in self.x.ticks:
            x = self.x.place(value, left, right)
            if self.grid:
                canvas.line(x, top, x, bottom, "grid")
            canvas.text(x, bottom + 18, shown, "m tick")
        for value, shown in self.second.ticks if self.second else ():
            canvas.text(right + 8, self.second.place(value, bottom, top) + 4.3, shown, "s tick")  # type: ignore[union-attr]
        canvas.line(left, bottom, right, bottom, "base")
        canvas.text((left + right) / 2, bottom + 40, self.x.title, "m title")
        canvas.text(4, 14, self.y.title, "s title")
        if self.second:
            canvas.text(WIDTH - 4, 14, self.second.title, "e title")
