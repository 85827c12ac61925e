"""``summary`` and ``evaluate`` on rows of which nobody knows which they are."""

from __future__ import annotations

from coterie.learn.evaluate import HiddenCell, HiddenEvaluation
from coterie.learn.report.blocks import Bar, Block, Column, Detail, Note, Table, columns_of
from coterie.learn.report.numbers import count, number, percent, short
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.performance import LINES, MEANING, MEASURE, VALUE
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T
from coterie.learn.summary import ColumnSummary, RowsSummary

__all__ = ["measured_hidden", "summaries"]

TITLE = T("Columns on the common rows", "共有样本上的数据列")
HEAD = (
    T("Column", "列"),
    T("Owner", "所有者"),
    T("Mean", "均值"),
    T("Std", "标准差"),
    T("Mean in own units", "均值（原单位）"),
    T("Std in own units", "标准差（原单位）"),
)
STYLES = ("name", "keep", "n", "n", "n", "n")
NOTE = T(
    "Nobody knows which rows are common; at least {least} are. Units are those of the owner's whole dataset, "
    "where a column has mean 0 and deviation 1: missing values count as 0, and none beyond 4.",
    "任何一方均不知哪些样本为共有样本；共有样本不少于 {least} 个。"
    "以列所有者完整数据集的均值为 0、标准差为 1；缺失值计为 0，超出 ±4 的值按 ±4 计。",
)
COUNTED = T("{rows} rows are common.", "共有样本数为 {rows}。")


def summaries(reading: Reading) -> tuple[Block, ...]:
    """For each step: a table of all columns."""
    blocks: list[Block] = []
    for _, document in reading.documents("summary", "profile", RowsSummary):
        notes = [Note(NOTE.format(least=count(document.least)))]
        if document.rows is not None:
            notes.append(Note(COUNTED.format(rows=count(document.rows))))
        table = Table(columns_of(HEAD, STYLES), [_line(one) for one in document.columns])
        blocks.append(Detail(TITLE, (table, *notes)))
    return tuple(blocks)


def _line(one: ColumnSummary) -> tuple[str | None, ...]:
    mean = std = None
    if one.unit_mean is not None and one.unit_std is not None:
        mean, std = one.unit_mean + one.unit_std * one.mean, one.unit_std * one.std
    return (one.column, one.party, number(one.mean, 3), number(one.std, 3), short(mean), short(std))


ON = T(
    "Model “{model}” on the common rows among: {frame}. Nobody knows which these are, nor how many; "
    "at least {least} have either label.",
    "模型“{model}”在{frame}内共有样本上的表现。任何一方均不知哪些为共有样本及其数量；好、坏样本均不少于 "
    "{least} 个。",
)
EXACT = T(
    "Figures are rounded to 1/4096, and predictions by less than 1/32 in their log-odds. Cells are of enough "
    "rows of either label.",
    "指标按 1/4096 取整，预测值的对数几率舍入误差小于 1/32。各分段的好、坏样本数均满足最小分组要求。",
)
RATE = T("Share of label 1", "标签为 1 的占比")
RATE_SAYS = T(
    "Of the common rows; the mean prediction is {predicted}.", "共有样本中的占比；平均预测值为 {predicted}。"
)
CELLS = T("Prediction against label, by cell", "各分段预测与实际")
CELL_HEAD = (
    T("Prediction", "预测值"),
    T("Share of rows", "样本占比"),
    T("Predicted", "平均预测"),
    T("Observed", "实际占比"),
    T("", ""),
)
CELL_STYLES = ("n", "n", "n", "n", "draw")


def measured_hidden(of: HiddenEvaluation) -> tuple[Block, ...]:
    """The measures, and a table of cells."""
    lines = [(name, number(float(getattr(of, field))), meaning) for name, field, _, meaning in LINES]
    said = RATE_SAYS.format(predicted=percent(of.predicted_rate, 2))
    lines.append((RATE, percent(of.positive_rate, 2), said))
    columns = (Column(MEASURE, "strong"), Column(VALUE, "n"), Column(MEANING, "soft"))
    about = ON.format(model=of.model, frame=frame_name(of.frame), least=count(of.least))
    most = max(one.observed for one in of.cells) or 1.0
    cells = Table(columns_of(CELL_HEAD, CELL_STYLES), [_cell(one, most) for one in of.cells])
    return (Note(about), Table(columns, lines), Detail(CELLS, (cells,)), Note(EXACT))


def _cell(one: HiddenCell, most: float) -> tuple[str | Bar, ...]:
    return (
        f"{percent(one.low, 0)} – {percent(one.high, 0)}",
        percent(one.share),
        percent(one.predicted, 2),
        percent(one.observed, 2),
        Bar(max(0.0, one.observed) / most, "ones"),
    )
