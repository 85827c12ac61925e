"""The report: one HTML file that needs nothing else, for people who decide about the model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from . import charts
from .record import Metrics, Record

__all__ = ["Learned", "Party", "ReportFacts", "render"]


@dataclass(frozen=True)
class Party:
    """A participant as the report lists it."""

    name: str
    role: str
    features: int | None
    """Number of feature columns; None where it gives none by its role."""


@dataclass(frozen=True)
class Learned:
    """A value that parties came to know."""

    step: str
    what: str
    values: int
    to: tuple[str, ...]


@dataclass(frozen=True)
class ReportFacts:
    """What the report says of the job. All of it is public among the parties."""

    title: str
    job: str
    agreement: str
    engine: str
    label: str
    label_holder: str
    made: str
    """RFC 3339 time."""
    parties: tuple[Party, ...]
    learned: tuple[Learned, ...]

    def learned_by(self, party: str) -> tuple[Learned, ...]:
        return tuple(item for item in self.learned if party in item.to)


@dataclass(frozen=True)
class Figure:
    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class Measure:
    """A line of the table of measures."""

    name: str
    meaning: str
    joint: float
    alone: float | None
    higher_is_better: bool
    interval: str | None = None

    @property
    def difference(self) -> float | None:
        return None if self.alone is None else self.joint - self.alone

    @property
    def better(self) -> bool:
        return self.difference is not None and (self.difference > 0) == self.higher_is_better


def render(record: Record, facts: ReportFacts) -> bytes:
    """The report as UTF-8 HTML: no scripts, no links to other files.

    :param record: must have curves.
    """
    evaluation = record.evaluation
    page = _template().render(
        facts=facts,
        evaluation=evaluation,
        joint=evaluation.joint,
        alone=evaluation.baseline,
        measures=_measures(record),
        figures=_figures(record),
        scale=max(band.lift for band in evaluation.joint.lift),
    )
    return page.encode()


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["count"] = lambda number: f"{number:,}".replace(",", "\u202f")
    environment.filters["percent"] = lambda share, digits=1: f"{100 * share:.{digits}f}%"
    environment.filters["number"] = lambda value, digits=4: f"{value:.{digits}f}".replace("-", "\u2212")
    environment.filters["signed"] = lambda value, digits=4: f"{value:+.{digits}f}".replace("-", "\u2212")
    return environment.from_string(
        resources.files(__package__).joinpath("report.html.jinja").read_text("utf-8")
    )


def _measures(record: Record) -> tuple[Measure, ...]:
    joint, alone = record.evaluation.joint, record.evaluation.baseline

    def line(name: str, field: str, meaning: str, *, higher: bool, interval: str | None = None) -> Measure:
        other = None if alone is None else float(getattr(alone, field))
        return Measure(name, meaning, float(getattr(joint, field)), other, higher, interval)

    return (
        line(
            "AUC",
            "auc",
            "Probability that a row with 1 scores higher than a row with 0. 0.5 is chance, 1 is perfect.",
            higher=True,
            interval=f"{joint.auc_low:.4f} to {joint.auc_high:.4f}",
        ),
        line(
            "KS",
            "ks",
            "Largest distance between the two classes' cumulative score distributions.",
            higher=True,
        ),
        line("Gini", "gini", "2 × AUC − 1.", higher=True),
        line("Log-loss", "log_loss", "Mean surprise at the labels, in nats. Lower is better.", higher=False),
        line(
            "Brier score",
            "brier",
            "Mean squared error of the probability. Lower is better; a constant forecast "
            f"has {_constant(joint):.4f}.",
            higher=False,
        ),
        line(
            "Calibration error",
            "calibration_error",
            "Mean distance between predicted and observed rate over the bands. Lower is better.",
            higher=False,
        ),
    )


def _constant(metrics: Metrics) -> float:
    """Brier score of forecasting the average rate for everybody."""
    return metrics.positive_rate * (1 - metrics.positive_rate)


def _figures(record: Record) -> tuple[Figure, ...]:
    joint, alone = record.evaluation.joint, record.evaluation.baseline
    curves = record.curves
    assert curves is not None  # a record without curves is never rendered
    other = (record.baseline_curves, alone) if record.baseline_curves and alone else None
    drawn = (
        (
            "ROC curve",
            "The further the curve is from the dotted line, the better the score separates the two classes.",
            charts.roc(curves, joint, other),
        ),
        (
            "KS plot",
            "How fast each class is reached from the highest score down. The KS is the largest gap.",
            charts.ks(curves, joint),
        ),
        (
            "Cumulative gains",
            "Which share of all rows with 1 is found in the highest-scored part of the rows.",
            charts.gains(curves, joint, other),
        ),
        (
            "Lift by band",
            "How many times the average rate of 1 each band has. A sound score falls from left to right.",
            charts.lift(joint, alone),
        ),
        (
            "Calibration",
            "On the dotted line, a predicted rate of, say, 10% comes true in 10% of the rows.",
            charts.calibration(joint),
        ),
        (
            "Score distribution",
            "Where the rows of each class lie. The less the two shapes overlap, the better.",
            charts.distribution(curves),
        ),
    )
    # The drawing is this program's own; its texts are escaped where Matplotlib writes them.
    return tuple(Figure(title, caption, Markup(svg)) for title, caption, svg in drawn)  # noqa: S704
