"""Pictures of results, as SVG: small, and the same for the same records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

Records = Sequence[Mapping[str, Any]]

OURS, PEERS, LINE = "#1f6f8b", ("#c8553d", "#e0a458", "#8a8d91", "#b8b8b8"), "#444444"
WIDTH, ROW = 7.5, 0.3


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
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "coterie", "font.size": 9}):
        figure = _parts(limits) if limits else _times(shown)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")
    return True


def _times(records: Records) -> Figure:
    """Bars of seconds by work, ours first; logarithmic."""
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
            colour = PEERS[min(peers.index(record["peer"]), len(PEERS) - 1)]
            bars.append((place, record["peer_s"], colour, f"{record['peer']}: {record['ratio']:.3g} ×"))
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
    axes.set_xscale("log")
    axes.set_xlabel("seconds, logarithmic; Coterie in blue, peers with how many times as long they take")
    axes.set_xlim(min(bar[1] for bar in bars) / 3, max(bar[1] for bar in bars) * 12)
    _rows(axes, ticks, works)
    return figure


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
