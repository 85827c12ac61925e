"""``evaluate``: how good the score is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from coterie.learn.evaluate import Curves, Metrics
from coterie.learn.report.blocks import Bar, Block, Cell, Column, Figure, Figures, Key, Table, columns_of
from coterie.learn.report.charts import Axis, Bars, Dots, Gap, Line, Mark, Plot, Steps, axis
from coterie.learn.report.numbers import count, number, percent, share, signed
from coterie.learn.report.texts import T, Text

__all__ = ["Measured", "curves_of", "measures", "tables"]

MODEL = T("model", "模型")
JOINT = T("Joint model", "联合模型")
ALONE = T("own columns alone", "仅自有数据模型")
ALONE_TITLE = T("Own columns alone", "仅自有数据模型")
CHANCE = T("chance", "随机")
ONES = T("rows with label 1", "标签为 1 的样本")
ZEROS = T("rows with label 0", "标签为 0 的样本")


@dataclass(frozen=True)
class Measured:
    """A score's numbers and curves, with those of what it is compared with."""

    joint: Metrics
    alone: Metrics | None = None
    curves: Curves | None = None
    alone_curves: Curves | None = None


MEASURE = T("Measure", "指标")
DIFFERENCE = T("Difference", "差值")
MEANING = T("Meaning", "含义")
VALUE = T("Value", "取值")
BETTER = T("better", "更优")
WORSE = T("worse", "更差")
EQUAL = T("equal", "相同")
SIGNED = T('{value} <span class="soft">{word}</span>', '{value} <span class="soft">{word}</span>')
INTERVAL = T("{meaning} 95% interval {low} to {high}.", "{meaning}95% 置信区间 {low} 至 {high}。")
LINES: tuple[tuple[Text, str, bool, Text], ...] = (
    (
        T("AUC", "AUC"),
        "auc",
        True,
        T(
            "Probability that a row with 1 scores higher than a row with 0; 0.5 is chance, 1 is perfect.",
            "标签为 1 的样本得分高于标签为 0 的样本的概率；0.5 为随机，1 为完美区分。",
        ),
    ),
    (
        T("KS", "KS 值"),
        "ks",
        True,
        T(
            "Largest distance between the two classes' cumulative score distributions.",
            "两类样本累积分数分布之间的最大差距。",
        ),
    ),
    (T("Gini", "Gini 系数"), "gini", True, T("2 × AUC − 1.", "2 × AUC − 1。")),
    (
        T("Log-loss", "对数损失"),
        "log_loss",
        False,
        T(
            "Mean surprise at the labels, in nats. Lower is better.",
            "对标签的平均意外程度（奈特），越低越好。",
        ),
    ),
    (
        T("Brier score", "Brier 分数"),
        "brier",
        False,
        T("Mean squared error of the probability. Lower is better.", "概率预测的均方误差，越低越好。"),
    ),
    (
        T("Calibration error", "校准误差"),
        "calibration_error",
        False,
        T(
            "Mean distance between predicted and observed rate over the bands. Lower is better.",
            "各分段预测违约率与实际违约率的平均差距，越低越好。",
        ),
    ),
)


def measures(of: Measured) -> Table:
    """One line for each measure."""
    lines: list[Sequence[Cell]] = []
    for name, field, higher, meaning in LINES:
        value = float(getattr(of.joint, field))
        said = meaning
        if field == "auc":
            low, high = number(of.joint.auc_low), number(of.joint.auc_high)
            said = INTERVAL.format(meaning=meaning, low=low, high=high)
        if of.alone is None:
            lines.append([name, number(value), said])
            continue
        other = float(getattr(of.alone, field))
        word = EQUAL if value == other else BETTER if (value > other) == higher else WORSE
        difference = SIGNED.format(value=signed(value - other), word=word)
        lines.append([name, number(value), number(other), difference, said])
    compared = (Column(ALONE_TITLE, "n"), Column(DIFFERENCE, "n")) if of.alone else ()
    columns = (
        Column(MEASURE, "strong"),
        Column(JOINT if of.alone else VALUE, "n"),
        *compared,
        Column(MEANING, "soft"),
    )
    return Table(columns, lines)


def _share_axis(title: Text) -> Axis:
    return axis(title, 0, 1, share)


def _population(curves: Curves, metrics: Metrics) -> list[float]:
    """Share of all rows at or above each corner of the ROC curve."""
    rates = zip(curves.false_positive_rate, curves.true_positive_rate, strict=True)
    return [(false * metrics.negatives + true * metrics.positives) / metrics.rows for false, true in rates]


def _keys(of: Measured, *more: Key) -> tuple[Key, ...]:
    own = (Key("alone", ALONE),) if of.alone else ()
    return (Key("joint", MODEL), *own, *more)


ROC = T("ROC curve", "ROC 曲线")
ROC_SAYS = T(
    "The further the curve is from the dotted line, the better the score separates the two classes.",
    "曲线离虚线越远，评分对两类样本的区分能力越强。",
)
FALSE = T("false positive rate (share of rows with 0)", "假正率（标签 0 样本占比）")
TRUE = T("true positive rate (share of rows with 1)", "真正率（标签 1 样本占比）")


def _roc(of: Measured, curves: Curves) -> Figure:
    marks: list[Mark] = [Line(((0, 0), (1, 1)), "chance")]
    if of.alone_curves:
        other = of.alone_curves
        marks.append(
            Line(tuple(zip(other.false_positive_rate, other.true_positive_rate, strict=True)), "alone")
        )
    points = tuple(zip(curves.false_positive_rate, curves.true_positive_rate, strict=True))
    marks.append(Line(points, "joint"))
    plot = Plot(_share_axis(FALSE), _share_axis(TRUE), tuple(marks), grid=True)
    return Figure(ROC, plot, ROC_SAYS, _keys(of, Key("chance", CHANCE)))


KS = T("KS curve", "KS 曲线")
KS_SAYS = T(
    "How fast each class is reached from the highest score down. The KS is the largest gap.",
    "由高分到低分两类样本的累积占比；KS 值为两条曲线的最大差距。",
)
KS_IS = T("KS {value}", "KS {value}")
KS_AT = T("at score {score}", "分数 {score} 处")
RANKED = T("share of all rows, highest scores first", "样本占比（按分数由高到低）")
REACHED = T("share of the class reached", "该类样本累积占比")


def _ks(of: Measured, curves: Curves) -> Figure:
    x = _population(curves, of.joint)
    true, false = curves.true_positive_rate, curves.false_positive_rate
    at = max(range(len(x)), key=lambda place: abs(true[place] - false[place]))
    said = (KS_IS.format(value=number(of.joint.ks, 3)), KS_AT.format(score=number(of.joint.ks_threshold, 3)))
    marks = (
        Line(tuple(zip(x, true, strict=True)), "ones"),
        Line(tuple(zip(x, false, strict=True)), "zeros"),
        Gap(x[at], (false[at], true[at]), said),
    )
    plot = Plot(_share_axis(RANKED), _share_axis(REACHED), marks, grid=True)
    return Figure(KS, plot, KS_SAYS, (Key("ones", ONES), Key("zeros", ZEROS)))


GAINS = T("Cumulative gains", "累积增益")
GAINS_SAYS = T(
    "Which share of all rows with 1 is found in the highest-scored part of the rows.",
    "得分最高的部分样本中捕获的标签 1 样本占比。",
)
FOUND = T("share of the rows with 1 found", "捕获的标签 1 样本占比")
PERFECT = T("perfect order", "完美排序")


def _gains(of: Measured, curves: Curves) -> Figure:
    rate = of.joint.positive_rate
    marks: list[Mark] = [
        Line(((0, 0), (1, 1)), "chance"),
        Line(((0, 0), (rate, 1), (1, 1)), "thin"),
    ]
    if of.alone and of.alone_curves:
        other = of.alone_curves
        points = tuple(zip(_population(other, of.alone), other.true_positive_rate, strict=True))
        marks.append(Line(points, "alone"))
    marks.append(
        Line(tuple(zip(_population(curves, of.joint), curves.true_positive_rate, strict=True)), "joint")
    )
    plot = Plot(_share_axis(RANKED), _share_axis(FOUND), tuple(marks), grid=True)
    return Figure(GAINS, plot, GAINS_SAYS, _keys(of, Key("thin", PERFECT), Key("chance", CHANCE)))


LIFT = T("Lift by band", "分段提升度")
LIFT_SAYS = T(
    "How many times the average rate of 1 each band has. A sound score falls from left to right.",
    "各分段违约率相对平均违约率的倍数；良好的评分应从左到右递减。",
)
BAND = T("band of rows, highest scores first", "分段（按分数由高到低）")
TIMES = T("times the average rate", "提升度（倍）")
AVERAGE = T("average of all rows", "全体平均")


def _lift(of: Measured) -> Figure:
    bands = of.joint.lift
    last = max(2, *(band.band for band in bands))
    others = of.alone.lift if of.alone else ()
    top = 1.08 * max(1.0, *(band.lift for band in (*bands, *others)))
    places = [n for n in range(1, last + 1) if last <= 20 or n % 10 == 0]
    x = Axis(BAND, 0.4, last + 0.6, tuple((n, str(n)) for n in places))
    marks: list[Mark] = [Bars(tuple((band.band, band.lift) for band in bands), "joint")]
    marks.append(Line(((0.4, 1), (last + 0.6, 1)), "chance"))
    if others:
        marks.append(Dots(tuple((band.band, band.lift) for band in others), "alone"))
    plot = Plot(x, axis(TIMES, 0, top, lambda v: f"{v:g}"), tuple(marks))
    return Figure(LIFT, plot, LIFT_SAYS, _keys(of, Key("chance", AVERAGE)))


CALIBRATION = T("Calibration", "校准曲线")
CALIBRATION_SAYS = T(
    "On the dotted line, a predicted rate of, say, 10% comes true in 10% of the rows. Square-root scale.",
    "位于虚线上时，预测为 10% 的样本恰有 10% 实际违约（平方根刻度）。",
)
PREDICTED = T("predicted rate of 1: mean score", "预测违约率（平均分）")
OBSERVED = T("observed rate of 1", "实际违约率")
BANDS = T("band, with 95% interval", "分段及 95% 置信区间")
AGREES = T("predicted = observed", "预测 = 实际")
ROOT_TICKS = (0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1)


def _calibration(of: Measured) -> Figure:
    bands = of.joint.calibration
    top = min(1.0, 1.1 * max(max(band.predicted, band.observed_high) for band in bands))
    ticks = tuple(
        (one, f"{100 * one:g}%") for one in ROOT_TICKS if one <= top and (not one or one >= top / 60)
    )
    points = tuple((band.predicted, band.observed) for band in bands)
    spans = tuple((band.observed_low, band.observed_high) for band in bands)
    marks = (Line(((0, 0), (top, top)), "chance"), Dots(points, "joint", spans))
    plot = Plot(
        Axis(PREDICTED, 0, top, ticks, root=True), Axis(OBSERVED, 0, top, ticks, root=True), marks, grid=True
    )
    return Figure(CALIBRATION, plot, CALIBRATION_SAYS, (Key("joint", BANDS), Key("chance", AGREES)))


SCORES = T("Score distribution", "评分分布")
SCORES_SAY = T(
    "Where the rows of each class lie. The less the two shapes overlap, the better. Log-odds scale.",
    "两类样本的分数分布，重叠越少越好（对数几率刻度）。",
)
SCORE = T("score: estimated probability of 1", "分数：标签为 1 的预测概率")
OF_CLASS = T("share of the class, per bin of mean width", "该类样本占比（按平均箱宽）")
ODDS_TICKS = (0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999)


def _distribution(curves: Curves) -> Figure:
    edges = curves.log_odds_edges
    mean = (edges[-1] - edges[0]) / max(1, len(edges) - 1)
    widths = [max(high - low, 1e-9) / mean for low, high in pairwise(edges)]
    heights = [
        [one / max(1, sum(counts)) / width for one, width in zip(counts, widths, strict=True)]
        for counts in (curves.negatives, curves.positives)
    ]
    top = 1.05 * max(0.01, *heights[0], *heights[1])
    x = Axis(SCORE, edges[0], edges[-1], _odds_ticks(edges[0], edges[-1]))
    marks = (Steps(edges, heights[0], "zeros"), Steps(edges, heights[1], "ones"))
    plot = Plot(x, axis(OF_CLASS, 0, top, share), marks)
    return Figure(SCORES, plot, SCORES_SAY, (Key("ones", ONES), Key("zeros", ZEROS)))


def _odds_ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Round probabilities in the range of log-odds, no nearer to each other than their labels are wide."""
    kept: list[tuple[float, str]] = []
    for tick in ODDS_TICKS:
        odds = math.log(tick / (1 - tick))
        if low <= odds <= high and (not kept or odds - kept[-1][0] >= (high - low) / 9):
            kept.append((odds, f"{100 * tick:g}%"))
    middle = (low + high) / 2
    return tuple(kept) or ((middle, f"{100 / (1 + math.exp(-middle)):.2g}%"),)


def curves_of(of: Measured) -> Figures:
    """The plots: those of the tables alone where there are no curves."""
    drawn: list[Figure] = []
    if of.curves:
        drawn += [_roc(of, of.curves), _ks(of, of.curves), _gains(of, of.curves)]
    drawn += [_lift(of), _calibration(of)]
    if of.curves:
        drawn.append(_distribution(of.curves))
    return Figures(tuple(drawn))


LIFT_TABLE = T(
    "Bands of equally many rows by score, the highest first. Rows with equal scores are never divided "
    "between "
    "two bands, so bands can differ in size.",
    "按分数由高到低等频分段；分数相同的样本不会被拆分，故各段样本数可能不同。",
)
LIFT_HEAD = (
    T("Band", "分段"),
    T("Scores", "分数区间"),
    T("Rows", "样本数"),
    T("With label 1", "标签为 1"),
    T("Rate", "违约率"),
    T("Lift", "提升度"),
    T("", ""),
    T("Cumulative rows", "累积样本"),
    T("Cumulative label 1", "累积捕获率"),
    T("Cumulative lift", "累积提升度"),
    T("Separation", "区分度"),
)
CALIBRATION_TABLE = T(
    "The same bands, the lowest scores first: did the predicted rate come true?",
    "相同分段，按分数由低到高：预测违约率是否兑现？",
)
CALIBRATION_HEAD = (
    T("Rows", "样本数"),
    T("Predicted rate", "预测违约率"),
    T("Observed rate", "实际违约率"),
    T("95% interval of the observed rate", "实际违约率 95% 置信区间"),
)
LIES = T("Predicted rate lies", "预测值位置")
BELOW = T("below the interval", "低于区间")
ABOVE = T("above the interval", "高于区间")
WITHIN = T("within the interval", "区间之内")


def tables(of: Measured) -> tuple[Block, ...]:
    """Lift and calibration by band."""
    scale = max(band.lift for band in of.joint.lift) or 1.0
    lift = [
        (
            band.band,
            f"{number(band.score_low)} – {number(band.score_high)}",
            count(band.rows),
            count(band.positives),
            percent(band.rate, 2),
            number(band.lift, 2),
            Bar(band.lift / scale),
            percent(band.cumulative_rows),
            percent(band.cumulative_positives),
            number(band.cumulative_lift, 2),
            number(band.separation, 3),
        )
        for band in of.joint.lift
    ]
    styles = ("n", "n", "n", "n", "n", "n", "draw", "n", "n", "n", "n")
    calibration = [
        (
            count(band.rows),
            percent(band.predicted, 2),
            percent(band.observed, 2),
            f"{percent(band.observed_low, 2)} – {percent(band.observed_high, 2)}",
            BELOW
            if band.predicted < band.observed_low
            else ABOVE
            if band.predicted > band.observed_high
            else WITHIN,
        )
        for band in of.joint.calibration
    ]
    return (
        Table(columns_of(LIFT_HEAD, styles), lift, LIFT_TABLE),
        Table(
            (*(Column(title, "n") for title in CALIBRATION_HEAD), Column(LIES, "soft")),
            calibration,
            CALIBRATION_TABLE,
            narrow=True,
        ),
    )
