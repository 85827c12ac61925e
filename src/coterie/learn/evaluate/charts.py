"""The plots of the report, as inline SVG.

Pairs of colours that colour-blind readers tell apart [Okabe, Ito 2008], with a second sign beside each: the
model is blue and solid, the baseline orange and dashed; rows with label 1 are purple and solid, those with 0
are green and dashed. Matplotlib is slow to import: only the report imports this.
"""

from __future__ import annotations

import io
import math
import re
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from .record import Curves, Metrics

__all__ = ["calibration", "distribution", "gains", "ks", "lift", "roc"]

BLUE, ORANGE, PURPLE, GREEN = "#0072B2", "#D55E00", "#9C3F7B", "#009E73"
INK, GREY, FAINT = "#22303C", "#75828D", "#E3E8EC"
ALONE: dict[str, Any] = {"color": ORANGE, "linewidth": 1.6, "linestyle": (0, (5, 2))}
JOINT: dict[str, Any] = {"color": BLUE, "linewidth": 2.2}
ONES: dict[str, Any] = {"color": PURPLE, "linewidth": 2.0, "label": "rows with label 1"}
ZEROS: dict[str, Any] = {
    "color": GREEN,
    "linewidth": 1.6,
    "linestyle": (0, (5, 2)),
    "label": "rows with label 0",
}
CHANCE: dict[str, Any] = {"color": GREY, "linewidth": 1, "linestyle": (0, (1, 2))}
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: the page's font, searchable, small
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelpad": 6,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.labelcolor": INK,
    "text.color": INK,
}
ROOT_TICKS = (0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1)
ODDS_TICKS = (0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999)


def _draw(name: str, paint: Any, x: str, y: str) -> str:
    """Let ``paint(axes)`` draw, label the axes, and give the SVG element."""
    with mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(4.9, 3.7), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        paint(axes)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(text.getvalue(), name)


def _inline(svg: str, name: str) -> str:
    """Only the element, without its global style, and with ids that no other plot of the page has."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    return re.sub(
        r'<svg (.*?)width="[^"]*"', r"<svg \1", re.sub(r' height="[^"]*"', "", svg, count=1), count=1
    )


def _percent(axis: Any, decimals: int = 0) -> None:
    axis.set_major_formatter(PercentFormatter(1, decimals))


def _square(axes: Any) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    _percent(axes.xaxis)
    _percent(axes.yaxis)


def _population(curves: Curves, metrics: Metrics) -> np.ndarray[Any, Any]:
    """Share of all rows at or above each corner of the ROC curve."""
    false, true = np.array(curves.false_positive_rate), np.array(curves.true_positive_rate)
    return np.asarray((false * metrics.negatives + true * metrics.positives) / metrics.rows)


def roc(curves: Curves, metrics: Metrics, alone: tuple[Curves, Metrics] | None) -> str:
    def paint(axes: Any) -> None:
        axes.plot((0, 1), (0, 1), **CHANCE, label="chance, AUC 0.500")
        if alone:
            label = f"own columns alone, AUC {alone[1].auc:.3f}"
            axes.plot(alone[0].false_positive_rate, alone[0].true_positive_rate, **ALONE, label=label)
        axes.plot(
            curves.false_positive_rate,
            curves.true_positive_rate,
            **JOINT,
            label=f"model, AUC {metrics.auc:.3f}",
        )
        _square(axes)
        axes.legend(loc="lower right", reverse=True)

    return _draw(
        "roc",
        paint,
        "False positive rate (share of rows with 0)",
        "True positive rate (share of rows with 1)",
    )


def ks(curves: Curves, metrics: Metrics) -> str:
    def paint(axes: Any) -> None:
        x = _population(curves, metrics)
        false, true = np.array(curves.false_positive_rate), np.array(curves.true_positive_rate)
        at = int(np.argmax(np.abs(true - false)))
        axes.plot(x, true, **ONES)
        axes.plot(x, false, **ZEROS)
        ends = (float(x[at]), float(x[at])), (float(false[at]), float(true[at]))
        axes.plot(*ends, color=INK, linewidth=1.2, marker="o", markersize=3.5)
        axes.annotate(
            f"KS {metrics.ks:.3f}\nat score {metrics.ks_threshold:.3f}",
            (ends[0][0], ends[1][0] + 0.7 * (ends[1][1] - ends[1][0])),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        )
        _square(axes)
        axes.legend(loc="lower right")

    return _draw("ks", paint, "Share of all rows, highest scores first", "Share of the class reached")


def gains(curves: Curves, metrics: Metrics, alone: tuple[Curves, Metrics] | None) -> str:
    def paint(axes: Any) -> None:
        axes.plot((0, 1), (0, 1), **CHANCE, label="chance")
        axes.plot((0, metrics.positive_rate, 1), (0, 1, 1), color=GREY, linewidth=0.8, label="perfect order")
        if alone:
            axes.plot(_population(*alone), alone[0].true_positive_rate, **ALONE, label="own columns alone")
        axes.plot(_population(curves, metrics), curves.true_positive_rate, **JOINT, label="model")
        _square(axes)
        axes.legend(loc="lower right", reverse=True)

    return _draw("gains", paint, "Share of all rows, highest scores first", "Share of the rows with 1 found")


def lift(metrics: Metrics, alone: Metrics | None) -> str:
    def paint(axes: Any) -> None:
        bands = [band.band for band in metrics.lift]
        handles = [axes.bar(bands, [b.lift for b in metrics.lift], color=BLUE, width=0.68, label="model")]
        if alone:
            marker: dict[str, Any] = {"marker": "D", "markersize": 5.5, "markeredgecolor": "white"}
            x, y = [b.band for b in alone.lift], [b.lift for b in alone.lift]
            handles += axes.plot(x, y, linestyle="none", color=ORANGE, **marker, label="own columns alone")
        handles.append(axes.axhline(1, **CHANCE, label="average of all rows"))
        axes.grid(visible=False, axis="x")
        last = max(bands[-1], 2)
        axes.set_xticks([band for band in range(1, last + 1) if last <= 20 or band % 10 == 0])
        axes.set_xlim(0.4, last + 0.6)
        axes.set_ylim(bottom=0)
        axes.legend(handles=handles, loc="best")

    return _draw(
        "lift", paint, "Band of rows, highest scores first", "Lift (rate of 1 over the average rate)"
    )


def calibration(metrics: Metrics) -> str:
    def paint(axes: Any) -> None:
        x = np.array([band.predicted for band in metrics.calibration])
        y = np.array([band.observed for band in metrics.calibration])
        low = y - np.array([band.observed_low for band in metrics.calibration])
        high = np.array([band.observed_high for band in metrics.calibration]) - y
        top = 1.1 * float(max(x.max(), (y + high).max()))
        axes.plot((0, top), (0, top), **CHANCE, label="predicted = observed")
        style: dict[str, Any] = {"color": BLUE, "markersize": 5, "elinewidth": 1.3, "capsize": 2.5}
        axes.errorbar(x, y, yerr=(low, high), fmt="o", **style, label="band, with 95% interval")
        ticks = [tick for tick in ROOT_TICKS if tick <= top and (not tick or tick >= top / 60)]
        axes.set_xscale("function", functions=(_root, np.square))
        axes.set_yscale("function", functions=(_root, np.square))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(ticks, [f"{100 * tick:g}%" for tick in ticks])
        axes.set_xlim(0, top)
        axes.set_ylim(0, top)
        axes.legend(loc="best")

    return _draw(
        "calibration", paint, "Predicted rate of 1: mean score (square-root scale)", "Observed rate of 1"
    )


def _root(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Spreads small rates and still shows a rate of nought, which a logarithm would not."""
    return np.asarray(np.sqrt(np.maximum(values, 0)))


def distribution(curves: Curves) -> str:
    def paint(axes: Any) -> None:
        edges = np.array(curves.log_odds_edges)
        for counts, style in ((curves.negatives, ZEROS), (curves.positives, ONES)):
            share = np.array(counts) / sum(counts)
            axes.stairs(share, edges, fill=True, color=style["color"], alpha=0.13)
            axes.stairs(share, edges, **style)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylim(bottom=0)
        ticks = _readable_ticks(float(edges[0]), float(edges[-1]))
        axes.set_xticks([math.log(p / (1 - p)) for p in ticks], [f"{100 * p:g}%" for p in ticks])
        _percent(axes.yaxis)
        axes.legend(loc="upper right")

    return _draw(
        "distribution",
        paint,
        "Score: estimated probability of 1 (log-odds scale)",
        "Share of the class in the bin",
    )


def _readable_ticks(low: float, high: float) -> list[float]:
    """Round probabilities in the range of log-odds, no nearer to each other than their labels are wide."""
    kept: list[float] = []
    last = -math.inf
    for tick in ODDS_TICKS:
        odds = math.log(tick / (1 - tick))
        if low <= odds <= high and odds - last >= (high - low) / 9:
            kept.append(tick)
            last = odds
    return kept or [1 / (1 + math.exp(-(low + high) / 2))]
