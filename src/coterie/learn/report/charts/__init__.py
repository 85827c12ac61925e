"""Drawings as inline SVG: text that is text, colours and fonts of the page, the same bytes for the same data.

Pairs of colours that colour-blind readers tell apart [Okabe, Ito 2008], with a second sign beside each: the
model is blue and solid, what it is compared with orange and dashed; rows with label 1 are purple and solid,
those with 0 are green and dashed.
"""

from coterie.learn.report.charts.canvas import Canvas, Drawing
from coterie.learn.report.charts.maps import HeatMap, Whisker
from coterie.learn.report.charts.plots import Axis, Bars, Dots, Gap, Line, Mark, Plot, Steps, axis, nice_ticks

__all__ = [
    "Axis",
    "Bars",
    "Canvas",
    "Dots",
    "Drawing",
    "Gap",
    "HeatMap",
    "Line",
    "Mark",
    "Plot",
    "Steps",
    "Whisker",
    "axis",
    "nice_ticks",
]
