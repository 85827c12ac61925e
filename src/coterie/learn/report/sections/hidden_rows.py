"""``summary``: means and deviations on rows of which nobody knows which they are."""

from __future__ import annotations

from coterie.learn.report.blocks import Block, Detail, Note, Table, columns_of
from coterie.learn.report.numbers import count, number, short
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T
from coterie.learn.summary import ColumnSummary, RowsSummary

__all__ = ["summaries"]

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
