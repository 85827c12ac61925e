"""Pictures of the intersection: time against rows, and against bandwidth, all sides in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from bench.line import LOOPBACK
from bench.plots import FIRST, LINE, OTHER, OURS, THREE, WIDTH, save
from bench.psi.work import OPRF, WORKS

Records = Sequence[Mapping[str, Any]]
Lines = Mapping[str, list[tuple[float, float]]]
"""Points by side."""

HEIGHT = 3.6
COLOURS = (FIRST, THREE, "#7a5195", OTHER, "#2f4b7c")
MARKS = "sD^vP"
NETWORK_ROWS = 2**20
BITS = 1e6


def pictures(records: Records, folder: Path, name: str = "speed-psi") -> list[Path]:
    """Draw what there are points for; the files, in the order of the page."""
    alike = [work for work in WORKS if work.left == work.right and work.ours == OPRF]
    loopback = {work.name: float(work.left) for work in alike if work.shape == LOOPBACK}
    shaped = {
        work.name: work.shape.bits_per_second / BITS
        for work in alike
        if work.left == NETWORK_ROWS and work.shape.bits_per_second
    }
    drawn = []
    for suffix, places, label in (
        ("rows", loopback, "rows of each party"),
        ("network", shaped, "Mb/s, each way"),
    ):
        lines = points(records, places)
        if lines:
            drawn.append(folder / f"{name}-{suffix}.svg")
            save(_figure(lines, label), drawn[-1])
    return drawn


def points(records: Records, places: Mapping[str, float]) -> dict[str, list[tuple[float, float]]]:
    """Seconds by side, ours first, at each place that has some.

    :param places: where a work stands on the axis.
    """
    found: dict[str, dict[float, float]] = {"": {}}
    for record in records:
        at = places.get(record["work"])
        if at is None:
            continue
        if record["ours_s"]:
            found[""][at] = record["ours_s"]
        if record["peer"] and record["peer_s"]:
            found.setdefault(record["peer"], {})[at] = record["peer_s"]
    return {side: sorted(seconds.items()) for side, seconds in found.items() if seconds}


def _figure(lines: Lines, label: str) -> Callable[[], Figure]:
    """Both axes logarithmic; each line is named at its end."""

    def drawn() -> Figure:
        figure = Figure(figsize=(WIDTH, HEIGHT))
        axes = figure.subplots()
        peers = [side for side in lines if side]
        for side, line in lines.items():
            at = peers.index(side) if side else 0
            colour, mark = (COLOURS[at % len(COLOURS)], MARKS[at % len(MARKS)]) if side else (OURS, "o")
            places, seconds = zip(*line, strict=True)
            axes.plot(
                places, seconds, color=colour, marker=mark, markersize=4, linewidth=2 if not side else 1
            )
            axes.annotate(
                side or "Coterie",
                (places[-1], seconds[-1]),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
                color=LINE,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.margins(x=0.05)
        axes.set_xlabel(f"{label}, logarithmic")
        axes.set_ylabel("seconds, logarithmic")
        axes.spines[["top", "right"]].set_visible(False)
        return figure

    return drawn
