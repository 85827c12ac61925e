"""``bin``: the reader's own columns in bins, and the information values of all."""

from __future__ import annotations

from coterie.learn.binning import Bins, ColumnBins, IvTable
from coterie.learn.report.blocks import (
    Bar,
    Beside,
    Block,
    Detail,
    Figure,
    Figures,
    Key,
    Note,
    Section,
    Table,
    columns_of,
)
from coterie.learn.report.charts import Axis, Bars, Line, Plot, axis
from coterie.learn.report.numbers import count, number, percent, share, signed
from coterie.learn.report.sections.labels import bin_label
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text

__all__ = ["bins", "values"]

TITLE = T("Bins", "分箱")
TITLE_IV = T("Information value", "信息值 IV")
MINE = T(
    "Bins of your own columns, with the counts that the job has told you. Their limits and names are yours "
    "alone.",
    "本方数据列的分箱、证据权重 WOE 与信息值 IV，及本任务告知的计数。切分点与类别名称仅本方可见。",
)
HEAD = (
    T("#", "序号"),
    T("Bin", "分箱"),
    T("Rows", "样本数"),
    T("Share", "占比"),
    T("With 0", "好样本"),
    T("With 1", "坏样本"),
    T("Rate of 1", "违约率"),
    T("WOE", "WOE"),
    T("IV", "IV"),
)
OF_COLUMN = T("IV {iv} · {count} bins · {method}", "IV {iv} · {count} 箱 · {method}")
METHODS = {
    "quantile": T("quantiles", "等频分箱"),
    "width": T("equal width", "等宽分箱"),
    "chimerge": T("ChiMerge", "卡方分箱"),
    "optimal": T("optimal", "最优分箱"),
}
NUMBER = T("number of the bin", "分箱序号")
SHARE = T("share of rows", "样本占比")
RATE = T("rate of label 1", "违约率")
ROWS_KEY = T("share of rows", "样本占比")
FEATURE = T("Feature", "特征")
OWNER = T("Owner", "所有者")
BINS = T("Bins", "分箱数")
MISSING_RATE = T("Missing", "缺失率")
STRENGTH = T("Strength", "预测能力")
STRENGTHS = (
    (0.02, T("none", "无")),
    (0.1, T("weak", "弱")),
    (0.3, T("medium", "中")),
    (0.5, T("strong", "强")),
    (float("inf"), T("very strong: look twice", "极强，需复核")),
)
IV_NOTE = T(
    "The information value says how well a feature tells rows with 1 from rows with 0 by itself. Below "
    "0.02 it tells "
    "nothing, above 0.5 it is worth asking whether the feature knows the label beforehand.",
    "信息值衡量单个特征区分好坏样本的能力：低于 0.02 无预测能力，高于 0.5 应核查是否存在标签信息泄漏。",
)
MOST_PLOTS = 60
"""Columns with a picture: of more there are tables alone, the page stays light."""


def bins(reading: Reading) -> Section | None:
    """Of the reader's own columns: a picture and a table for each, the highest information value first."""
    found = [
        (step, column)
        for step, document in reading.documents("bin", "bins", Bins)
        for column in sorted(document.columns, key=lambda one: (-one.iv, one.name))
    ]
    if not found:
        return None
    blocks: list[Block] = [Note(MINE)]
    for number_, (_, column) in enumerate(found):
        blocks.append(_column(column, drawn=number_ < MOST_PLOTS))
    return Section("bins", TITLE, tuple(blocks))


def _column(column: ColumnBins, *, drawn: bool) -> Detail:
    rows = max(1, column.rows)
    lines = [
        (
            place,
            bin_label(one.label),
            count(one.rows),
            percent(one.rows / rows),
            count(one.goods),
            count(one.bads),
            percent(one.rate, 2),
            signed(one.woe, 3),
            number(one.iv),
        )
        for place, one in enumerate(column.bins, 1)
    ]
    table = Table(columns_of(HEAD, ("n", "name", "n", "n", "n", "n", "n", "n", "n")), lines)
    method: Text | str = METHODS.get(column.method, column.method)
    remark = OF_COLUMN.format(iv=number(column.iv, 3), count=len(column.bins), method=method)
    shown = Beside((_plot(column), table), "chart") if drawn else table
    return Detail(column.name, (shown,), remark)


def _plot(column: ColumnBins) -> Figures:
    last, rows = len(column.bins), max(1, column.rows)
    shares = [(place, one.rows / rows) for place, one in enumerate(column.bins, 1)]
    rates = [(place, one.rate) for place, one in enumerate(column.bins, 1)]
    every = max(1, last // 20)
    x = Axis(NUMBER, 0.4, last + 0.6, tuple((n, str(n)) for n in range(1, last + 1, every)))
    most, rate = max(part for _, part in shares), max(one for _, one in rates)
    plot = Plot(
        x,
        axis(SHARE, 0, 1.1 * most or 1.0, share, 4),
        (Bars(tuple(shares), "quiet"), Line(tuple(rates), "ones", right=True, dots=True)),
        axis(RATE, 0, 1.12 * rate or 1.0, share, 4),
        height=250,
    )
    return Figures((Figure("", plot, None, (Key("block", ROWS_KEY), Key("ones", RATE))),))


def values(reading: Reading) -> Section | None:
    """Every column of which the reader was told the information value, the highest first."""
    found = {
        (one.party, one.column): one
        for _, document in reading.documents("bin", "iv", IvTable)
        for one in document.columns
    }
    if not found:
        return None
    ranked = sorted(found.values(), key=lambda one: (-one.iv, one.party, one.column))
    most = ranked[0].iv or 1.0
    lines = [
        (
            place,
            one.column,
            one.party,
            number(one.iv),
            Bar(one.iv / most),
            next(word for limit, word in STRENGTHS if one.iv < limit),
            one.bins,
            percent(one.missing_rate),
        )
        for place, one in enumerate(ranked, 1)
    ]
    titles = (T("#", "序号"), FEATURE, OWNER, T("IV", "IV"), T("", ""), STRENGTH, BINS, MISSING_RATE)
    styles = ("n", "name", "keep", "n", "draw", "soft", "n", "n")
    return Section("iv", TITLE_IV, (Table(columns_of(titles, styles), lines), Note(IV_NOTE)))
