"""``correlate`` and ``vif``: what columns say of each other."""

from __future__ import annotations

from coterie.learn.correlate import Correlations, InflationFactors
from coterie.learn.report.blocks import Bar, Block, Column, Detail, Figure, Figures, Key, Section, Table
from coterie.learn.report.charts import HeatMap
from coterie.learn.report.numbers import number, signed
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T

__all__ = ["correlations"]

TITLE = T("Correlations", "相关性")
METHODS = {
    "pearson": T("Pearson correlation", "Pearson 相关系数"),
    "spearman": T("Spearman rank correlation", "Spearman 秩相关系数"),
}
ON = T("on {frame}", "{frame}")
SAYS = T(
    "Blue: the columns rise together; orange: one rises as the other falls. The stronger the colour, the "
    "closer.",
    "蓝色表示正相关，橙色表示负相关，颜色越深相关性越强。",
)
POSITIVE = T("+1", "+1")
NEGATIVE = T("−1", "−1")
STRONGEST = T("Strongest pairs", "相关性最强的特征对")
FIRST = T("Column", "列")
SECOND = T("Column", "列")
VALUE = T("Correlation", "相关系数")
PAIRS = 10
WORTH = 0.3
"""Weaker pairs are not listed."""
VIF = T("Variance inflation factors", "方差膨胀因子 VIF")
VIF_SAYS = T(
    "1 / (1 − R²), where R² is how much of a column the others explain. Above 10 its coefficient is hardly "
    "known.",
    "1 / (1 − R²)，R² 为其他列对该列的解释程度；大于 10 时系数估计不稳定。",
)
FACTOR = T("VIF", "VIF")
HIGH = T("above 1000", "大于 1000")
STRONG = T("redundant", "严重共线")
SOME = T("to be looked at", "需关注")
FINE = T("fine", "正常")
VERDICT = T("Verdict", "判断")
MOST_MAPPED = 120
"""Columns of a map; of more there are the strongest pairs alone."""


def correlations(reading: Reading) -> Section | None:
    """Maps, strongest pairs, inflation factors."""
    blocks: list[Block] = []
    for _, document in reading.documents("correlate", "correlations", Correlations):
        inner: list[Block] = []
        if len(document.columns) <= MOST_MAPPED:
            keys = (Key("block strong", POSITIVE), Key("block below", NEGATIVE))
            drawn = HeatMap(document.columns, document.matrix)
            inner.append(Figures((Figure("", drawn, SAYS, keys),), wide=True))
        inner += _strongest(document)
        about = ON.format(frame=frame_name(document.frame))
        blocks.append(Detail(METHODS[document.method], tuple(inner), about))
    for _, factors in reading.documents("vif", "correlations", InflationFactors):
        blocks.append(Detail(VIF, (_factors(factors),), ON.format(frame=frame_name(factors.frame))))
    return Section("correlations", TITLE, tuple(blocks)) if blocks else None


def _strongest(document: Correlations) -> list[Block]:
    names, matrix = document.columns, document.matrix
    pairs = [
        (matrix[row][place], names[row], names[place])
        for row in range(len(names))
        for place in range(row)
        if abs(matrix[row][place]) >= WORTH
    ]
    pairs.sort(key=lambda pair: (-abs(pair[0]), pair[1], pair[2]))
    if not pairs:
        return []
    lines = [
        (second, first, signed(value, 3), Bar(abs(value), "joint" if value >= 0 else "alone"))
        for value, first, second in pairs[:PAIRS]
    ]
    columns = (Column(FIRST, "name"), Column(SECOND, "name"), Column(VALUE, "n"), Column(T("", ""), "draw"))
    return [Table(columns, lines, STRONGEST)]


def _factors(document: InflationFactors) -> Table:
    """The highest first."""
    found = [
        (float("inf") if value is None else value, name)
        for name, value in zip(document.columns, document.vif, strict=True)
    ]
    found.sort(key=lambda one: (-one[0], one[1]))
    lines = [
        (
            name,
            HIGH if value == float("inf") else number(value, 2),
            Bar(min(1.0, value / 10), "alone" if value > 10 else "joint"),
            STRONG if value > 10 else SOME if value > 5 else FINE,
        )
        for value, name in found
    ]
    columns = (Column(FIRST, "name"), Column(FACTOR, "n"), Column(T("", ""), "draw"), Column(VERDICT, "soft"))
    return Table(columns, lines, VIF_SAYS)
