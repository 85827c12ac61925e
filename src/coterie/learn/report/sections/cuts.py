"""``evaluate``: what cuts of the score do, and how it does in parts of the rows."""

from __future__ import annotations

from coterie.learn.evaluate import Evaluation, Metrics, Point, RegressionEvaluation, ScoreBin, Segmentation
from coterie.learn.report.blocks import Bar, Block, Column, Detail, Figure, Figures, Key, Table, columns_of
from coterie.learn.report.charts import Line, Plot, Whisker, axis
from coterie.learn.report.numbers import count, number, percent, short, signed
from coterie.learn.report.texts import T, Text

__all__ = ["cuts", "regression", "segments"]

CUTS = T("Cuts of the score", "阈值分析")
CUT = T("Cut", "阈值选取方式")
THRESHOLD = T("Score at least", "分数不低于")
ROWS = T("Rows", "样本数")
PRECISION = T("Precision", "精确率")
RECALL = T("Recall", "召回率")
FALSE = T("False positive rate", "假正率")
F1 = T("F1", "F1 值")
BEST = T("highest F1", "F1 最大")
GIVEN = T("as asked for", "指定阈值")
AT_RATE = T("false positive rate at most {rate}", "假正率不超过 {rate}")
FREQUENCY = T("Bins of equally many rows", "等频分数段")
RANGE = T("Bins of equal length of the score", "等距分数段")
BIN = T("Bin", "分数段")
SCORES = T("Scores", "分数区间")
POSITIVES = T("With label 1", "标签为 1")
RATE = T("Rate", "违约率")
LIFT = T("Lift", "提升度")
ADDED = T(
    "Precision, recall and F1 are of a cut at the lower end of the bin.",
    "精确率、召回率与 F1 按该段下限为阈值计算。",
)


def cuts(of: Metrics) -> tuple[Block, ...]:
    """The table of thresholds, and bins of the score."""
    named: list[tuple[Text, Point | None]] = [(BEST, of.best_f1)]
    if of.at_threshold is not None:
        named.append((GIVEN, of.at_threshold))
    named += [(AT_RATE.format(rate=percent(one.rate, 1)), one.point) for one in of.at_rates]
    lines = [(name, *_point(point)) for name, point in named]
    numbers = (THRESHOLD, ROWS, PRECISION, RECALL, FALSE, F1)
    table = Table((Column(CUT), *(Column(one, "n") for one in numbers)), lines)
    bins = (
        Detail(FREQUENCY, (_bins(of.equal_frequency),)),
        Detail(RANGE, (_bins(of.equal_range),)),
    )
    return (Detail(CUTS, (table,)), *bins)


def _point(point: Point | None) -> tuple[str | None, ...]:
    if point is None:
        return (None,) * 6
    shares = (percent(point.precision, 2), percent(point.recall, 2), percent(point.false_positive_rate, 2))
    return (number(point.threshold), count(point.rows), *shares, number(point.f1, 3))


def _bins(bins: tuple[ScoreBin, ...]) -> Table:
    most = max((one.rate for one in bins), default=0.0) or 1.0
    lines = [
        (
            one.bin,
            f"{number(one.score_low)} – {number(one.score_high)}",
            count(one.rows),
            count(one.positives),
            percent(one.rate, 2),
            Bar(one.rate / most, "ones"),
            number(one.lift, 2),
            percent(one.precision, 1),
            percent(one.recall, 1),
            number(one.f1, 3),
        )
        for one in bins
    ]
    titles = (BIN, SCORES, ROWS, POSITIVES, RATE, T("", ""), LIFT, PRECISION, RECALL, F1)
    styles = ("n", "n", "n", "n", "n", "draw", "n", "n", "n", "n")
    return Table(columns_of(titles, styles), lines, ADDED)


BY_COLUMN = T("By {column}", "按 {column} 分群")
SEGMENT = T("Segment", "客群")
PREDICTED = T("Predicted rate", "预测违约率")
OBSERVED = T("Observed rate", "实际违约率")
NAMES = {"missing": T("missing", "缺失"), "other": T("all others", "其他")}
INTERVALS = T(
    "AUC with its 95% interval; scale {low} to {high}.", "AUC 及其 95% 置信区间；刻度 {low} 至 {high}。"
)


def segments(of: Evaluation) -> tuple[Block, ...]:
    """A table for each column by whose values the score was measured apart."""
    return tuple(Detail(BY_COLUMN.format(column=one.column), (_segments(one),)) for one in of.segments)


def _segments(of: Segmentation) -> Table:
    ends = [(one.auc_low, one.auc_high) for one in of.segments if one.auc_low is not None]
    scale = (
        min((low for low, _ in ends if low is not None), default=0.5),
        max((high for _, high in ends if high is not None), default=1.0),
    )
    lines = []
    for one in of.segments:
        drawn = None
        if one.auc is not None and one.auc_low is not None and one.auc_high is not None:
            drawn = Whisker(one.auc_low, one.auc, one.auc_high, scale)
        name = NAMES.get(one.name, one.name)
        rates = (percent(one.predicted, 2), percent(one.rate, 2))
        lines.append((name, count(one.rows), *rates, number(one.auc), drawn, number(one.ks, 3)))
    titles = (SEGMENT, ROWS, PREDICTED, OBSERVED, T("AUC", "AUC"), T("", ""), T("KS", "KS 值"))
    styles = ("name", "n", "n", "n", "n", "draw", "n")
    return Table(
        columns_of(titles, styles),
        lines,
        INTERVALS.format(low=number(scale[0], 2), high=number(scale[1], 2)),
    )


MEASURE = T("Measure", "指标")
JOINT = T("Model", "联合模型")
ALONE = T("Own columns alone", "仅自有数据模型")
DIFFERENCE = T("Difference", "差值")
MEASURES = (
    ("rmse", T("Root mean squared error", "均方根误差 RMSE")),
    ("mae", T("Mean absolute error", "平均绝对误差 MAE")),
    ("mape", T("Mean absolute percentage error", "平均绝对百分比误差 MAPE")),
    ("r2", T("R²", "决定系数 R²")),
    ("deviance", T("Mean deviance", "平均偏差")),
    ("deviance_explained", T("Deviance explained", "偏差解释率")),
    ("mean", T("Mean of the label", "标签均值")),
    ("predicted_mean", T("Mean of the scores", "预测均值")),
)
BANDS = T("Predicted and observed mean by band of the score", "各分段的预测均值与实际均值")
BAND = T("band of rows, highest scores first", "分段（按预测值由高到低）")
VALUE = T("mean", "均值")
PREDICTED_MEAN = T("predicted", "预测")
OBSERVED_MEAN = T("observed", "实际")


def regression(of: RegressionEvaluation) -> tuple[Block, ...]:
    """Measures and bands of a score of a label that is a number."""
    lines = []
    for field, name in MEASURES:
        value = getattr(of.joint, field)
        if value is None:
            continue
        other = None if of.baseline is None else getattr(of.baseline, field)
        difference = None if other is None else signed(value - other)
        compared = (short(other), difference) if of.baseline else ()
        lines.append((name, short(value), *compared))
    more = (Column(ALONE, "n"), Column(DIFFERENCE, "n")) if of.baseline else ()
    table = Table((Column(MEASURE, "strong"), Column(JOINT, "n"), *more), lines, narrow=True)
    bands = of.joint.bands
    seen = [one for band in bands for one in (band.predicted, band.observed)]
    low, high = min(0.0, *seen), max(0.0, *seen)
    marks = (
        Line(tuple((band.band, band.observed) for band in bands), "ones", dots=True),
        Line(tuple((band.band, band.predicted) for band in bands), "joint", dots=True),
    )
    x = axis(BAND, 1, max(2, bands[-1].band), lambda v: f"{v:g}", 9)
    plot = Plot(x, axis(VALUE, low, low + 1.08 * (high - low) or 1.0, short), marks)
    keys = (Key("joint", PREDICTED_MEAN), Key("ones", OBSERVED_MEAN))
    return (table, Figures((Figure(BANDS, plot, None, keys),)))
