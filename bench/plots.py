"""Pictures of results, as SVG: small, and the same for the same records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

Records = Sequence[Mapping[str, Any]]

OURS, FIRST, THREE, OTHER, LINE = "#1f6f8b", "#c8553d", "#e0a458", "#b8b8b8", "#444444"
"""Coterie, the first peer of a benchmark, peers of three parties, all other peers, words and lines."""
WIDTH, ROW = 7.5, 0.3
WIDE = 20
"""Where times are so many times apart, their axis is logarithmic."""


def draw(records: Records, path: Path) -> bool:
    """The picture of a benchmark; False where its records have nothing to compare.

    Where peers are limits of the machine, the part of them that is reached; otherwise seconds of both sides.
    """
    shown = [
        record for record in records if record["ours_s"] and record["peer_s"] and "/" not in record["work"]
    ]
    limits = [record for record in records if str(record["peer"]).startswith("limit of")]
    if not shown and not limits:
        return False
    save(lambda: _parts(limits) if limits else _times(shown), path)
    return True


def save(draw_figure: Callable[[], Figure], path: Path) -> None:
    """Write a figure, drawn in the style of all pictures: the same bytes for the same content."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "coterie", "font.size": 9}):
        figure = draw_figure()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")


def _times(records: Records) -> Figure:
    """Bars of seconds by work, ours first."""
    works = list(dict.fromkeys(record["work"] for record in records))
    peers = list(dict.fromkeys(record["peer"] for record in records))
    bars: list[tuple[float, float, str, str]] = []
    ticks, place = [], 0.0
    for work in works:
        of_work = [record for record in records if record["work"] == work]
        first = place
        bars.append((place, of_work[0]["ours_s"], OURS, ""))
        for record in of_work:
            place += 1
            label = f"{record['peer']}: {record['ratio']:.3g} ×"
            bars.append((place, record["peer_s"], _colour(record["peer"], peers[0]), label))
        ticks.append((first + place) / 2)
        place += 2
    figure = Figure(figsize=(WIDTH, max(1.6, ROW * place)))
    axes = figure.subplots()
    for at, seconds, colour, label in bars:
        axes.barh(at, seconds, height=0.85, color=colour)
        axes.annotate(
            label or f"{seconds:.3g} s",
            (seconds, at),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=LINE,
        )
    least, most = min(bar[1] for bar in bars), max(bar[1] for bar in bars)
    wide = most >= WIDE * least
    axes.set_xscale("log" if wide else "linear")
    axes.set_xlim(*((least / 3, most * 12) if wide else (0, most * 1.5)))
    how = ", logarithmic" if wide else ""
    axes.set_xlabel(f"seconds{how}; Coterie in blue, peers with how many times as long they take")
    _rows(axes, ticks, works)
    return figure


def _colour(peer: str, first: str) -> str:
    if peer == first:
        return FIRST
    return THREE if peer.partition(" segments")[0].endswith(" aby3") else OTHER


def _parts(records: Records) -> Figure:
    """Bars of the part of a limit that is reached."""
    figure = Figure(figsize=(WIDTH, max(1.6, ROW * len(records))))
    axes = figure.subplots()
    names = [record["work"].partition("/")[2] or record["work"] for record in records]
    for at, record in enumerate(records):
        axes.barh(at, 100 * record["ratio"], height=0.7, color=OURS)
        axes.annotate(
            f"{100 * record['ratio']:.0f} % of the {record['peer']}",
            (100 * record["ratio"], at),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=LINE,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    axes.axvline(100, color=LINE, linewidth=0.5, zorder=0)
    axes.set_xlim(0, max(100.0, *(100 * record["ratio"] for record in records)) * 1.35)
    axes.set_xlabel("per cent of what one core can do at most")
    _rows(axes, list(range(len(records))), names)
    return figure


def _rows(axes: Any, places: Sequence[float], names: Sequence[str]) -> None:
    """Names at the left, first on top, and no frame."""
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
