"""``describe``: figures of columns, as the reader may see them."""

from __future__ import annotations

from coterie.learn.describe import ColumnProfile, Profile
from coterie.learn.report.blocks import Block, Column, Detail, Figure, Figures, Note, Table, columns_of
from coterie.learn.report.charts import Plot, Steps, axis
from coterie.learn.report.numbers import count, percent, share, short
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text

__all__ = ["profiles"]

TITLE = T("Columns", "数据列概览")
ON = T("of {frame}", "{frame}")
TYPES = {
    "int": T("whole number", "整数"),
    "float": T("number", "数值"),
    "bool": T("true or false", "布尔"),
    "text": T("text", "文本"),
}
HEAD = (
    T("Column", "列"),
    T("Owner", "所有者"),
    T("Type", "类型"),
    T("Missing", "缺失"),
    T("Distinct", "不同值"),
    T("Mean", "均值"),
    T("Std", "标准差"),
    T("Min", "最小值"),
    T("Median", "中位数"),
    T("Max", "最大值"),
    T("Skewness", "偏度"),
    T("Kurtosis", "峰度"),
)
STYLES = ("name", "keep", "keep", "n", "n", "n", "n", "n", "n", "n", "n", "n")
PARTLY = T(
    "Of columns of other parties: values beyond the histogram's range count at its ends, and what is of "
    "fewer than "
    "{least} rows is merged or left out (–).",
    "对其他参与方的数据列：超出直方图范围的值计入端点，少于 {least} 个样本的部分被合并或不予展示（–）。",
)
DISTRIBUTIONS = T("Distributions", "分布")
VALUE = T("value", "取值")
ROWS = T("share of values", "样本占比")
CATEGORIES = T("Categories", "类别")
CATEGORY = T("Category", "类别")
NUMBER = T("Rows", "样本数")
OTHERS = T("all others", "其他合计")
NAMELESS = T("(not told)", "（不告知）")
MOST_PLOTS = 60


def profiles(reading: Reading) -> tuple[Block, ...]:
    """For each step: a table of all columns, histograms, categories."""
    blocks: list[Block] = []
    for _, document in reading.documents("describe", "profile", Profile):
        inner: list[Block] = [Table(columns_of(HEAD, STYLES), [_line(one) for one in document.columns])]
        if not all(one.whole for one in document.columns):
            inner.append(Note(PARTLY.format(least=count(document.min_group))))
        drawn = [_plot(one) for one in document.columns if one.histogram][:MOST_PLOTS]
        if drawn:
            inner.append(Figures(tuple(drawn)))
        inner += [_categories(one) for one in document.columns if one.categories]
        blocks.append(Detail(TITLE, tuple(inner), ON.format(frame=frame_name(document.frame))))
    return tuple(blocks)


def _line(one: ColumnProfile) -> tuple[str | Text | None, ...]:
    missing = None if one.missing is None else percent(one.missing / max(1, one.rows))
    median = next((q.value for q in one.quantiles if q.share == 0.5), None)
    distinct = None if one.distinct is None else count(one.distinct)
    numbers = (one.mean, one.std, one.min, median, one.max, one.skewness, one.kurtosis)
    return (one.column, one.party, TYPES[one.type], missing, distinct, *(short(value) for value in numbers))


def _plot(one: ColumnProfile) -> Figure:
    assert one.histogram is not None  # asked before
    edges, counts = one.histogram.edges, one.histogram.counts
    whole = max(1, sum(counts))
    heights = [value / whole for value in counts]
    top = 1.08 * max(heights) or 1.0
    plot = Plot(
        axis(VALUE, edges[0], edges[-1], short),
        axis(ROWS, 0, top, share, 4),
        (Steps(edges, heights, "joint"),),
        height=240,
    )
    return Figure(f"{one.party}.{one.column}", plot)


def _categories(one: ColumnProfile) -> Block:
    lines = [(NAMELESS if each.name is None else each.name, count(each.rows)) for each in one.categories]
    if one.other:
        lines.append((OTHERS, count(one.other)))
    table = Table((Column(CATEGORY, "name"), Column(NUMBER, "n")), lines, narrow=True)
    return Detail(f"{one.party}.{one.column}", (table,))
