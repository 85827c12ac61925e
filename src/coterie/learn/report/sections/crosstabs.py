"""``crosstab``: columns against the label."""

from __future__ import annotations

from coterie.learn.crosstab import Associations, Crosstabs, CrosstabTable
from coterie.learn.report.blocks import Bar, Block, Detail, Note, Section, Table, columns_of
from coterie.learn.report.numbers import count, number, p_value, percent
from coterie.learn.report.sections.labels import bin_label
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T

__all__ = ["crosstabs"]

TITLE = T("Columns against the label", "列与标签的交叉分析")
SAYS = T(
    "Cramér's V goes from 0 (independent) to 1. Groups and counts are shown to a column's owner alone.",
    "Cramér's V 取值 0（独立）至 1；分组与计数仅向列的所有者展示。",
)
COLUMN = T("Column", "列")
OWNER = T("Owner", "所有者")
GROUPS = T("Groups", "分组数")
CHI2 = T("Chi-squared", "卡方统计量")
FREEDOM = T("Degrees of freedom", "自由度")
CRAMER = T("Cramér's V", "Cramér's V")
GROUP = T("Group", "分组")
ROWS = T("Rows", "样本数")
GOODS = T("With 0", "好样本")
BADS = T("With 1", "坏样本")
RATE = T("Rate of 1", "违约率")
EXPECTED = T("With 1, were it independent", "独立时的坏样本数")


def crosstabs(reading: Reading) -> Section | None:
    """The strongest first, then the reader's own tables."""
    blocks: list[Block] = []
    for _, document in reading.documents("crosstab", "correlations", Associations):
        lines = [
            (
                one.column,
                one.party,
                one.groups,
                number(one.chi2, 1),
                one.freedom,
                p_value(one.p_value),
                number(one.cramers_v, 3),
                Bar(one.cramers_v),
            )
            for one in document.columns
        ]
        titles = (COLUMN, OWNER, GROUPS, CHI2, FREEDOM, "p", CRAMER, T("", ""))
        styles = ("name", "keep", "n", "n", "n", "n", "n", "draw")
        blocks += [Table(columns_of(titles, styles), lines), Note(SAYS)]
    for _, own in reading.documents("crosstab", "bins", Crosstabs):
        blocks += [Detail(f"{one.party}.{one.column}", (_table(one),)) for one in own.tables]
    return Section("crosstab", TITLE, tuple(blocks)) if blocks else None


def _table(of: CrosstabTable) -> Table:
    most = max((one.rate for one in of.cells), default=0.0) or 1.0
    lines = [
        (
            bin_label(one.label),
            count(one.rows),
            count(one.goods),
            count(one.bads),
            percent(one.rate, 2),
            Bar(one.rate / most, "ones"),
            number(one.expected_bads, 1),
        )
        for one in of.cells
    ]
    titles = (GROUP, ROWS, GOODS, BADS, RATE, T("", ""), EXPECTED)
    styles = ("name", "n", "n", "n", "n", "draw", "n")
    return Table(columns_of(titles, styles), lines)
