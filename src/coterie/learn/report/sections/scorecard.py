"""``scorecard`` and ``reasons``: the reader's own points, and how often each feature is a reason."""

from __future__ import annotations

from coterie.learn.reasons import ReasonsSummary
from coterie.learn.report.blocks import (
    Bar,
    Block,
    Card,
    Cards,
    Column,
    Detail,
    Note,
    Section,
    Table,
    columns_of,
)
from coterie.learn.report.numbers import count, number, percent, signed
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.labels import bin_label
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text, joined
from coterie.learn.scorecard import CardColumn, CardPart

__all__ = ["reasons", "scorecard"]

TITLE = T("Scorecard", "评分卡")
SCALE = T(
    "At {odds} : 1 (rows with label 0 to rows with label 1) a row has {base} points; {pdo} points more "
    "double that. "
    "The points of a row are the sum over all features of all parties.",
    "好坏比（标签 0 : 标签 1）为 {odds} : 1 时对应 {base} 分，每增加 {pdo} 分好坏比翻倍（PDO）。"
    "总分为所有参与方全部特征得分之和。",
)
MINE = T(
    "Each party sees the points of its own bins alone. Features of the whole card: {features}.",
    "各参与方只能看到自有分箱的分值。整张评分卡的特征：{features}。",
)
OF_PARTY = T("{party}: {names}", "{party}：{names}")
BASE = T("Base points", "基准分")
ODDS = T("Base odds", "基准好坏比")
PDO = T("Points to double the odds", "翻倍分值 PDO")
START = T("Points at the start", "初始分")
AT_ODDS = T("at the base odds", "对应基准好坏比")
GOOD_BAD = T("rows with 0 to one with 1", "好样本 : 坏样本")
OF_INTERCEPT = T("of every row, before its bins", "每个样本的起始分值")
HEAD = (
    T("Bin", "分箱"),
    T("WOE", "证据权重 WOE"),
    T("Points", "分值"),
    T("", ""),
)
ABOUT = T(
    "coefficient {coefficient} · {least} to {most} points",
    "系数 {coefficient} · {least} 至 {most} 分",
)
TITLE_REASONS = T("Reasons", "拒绝原因")
REASONS = T(
    "How often a feature is the first, the second, … reason why a row of {frame} has fewer points than it "
    "could "
    "({against}); {without} of {rows} rows have no reason.",
    "在{frame}中，各特征作为第一、第二……扣分原因的样本数（{against}）；{rows} 个样本中有 {without} 个无扣"
    "分原因。",
)
AGAINST = {
    "best": T("against the best bin of each feature", "对比各特征最高分箱"),
    "mean": T("against the mean of each feature", "对比各特征平均分"),
}
FEATURE = T("Feature", "特征")
OWNER = T("Owner", "所有者")
PLACE = T("Reason {place}", "原因 {place}")
SHARE = T("Share of all", "占全部样本")


def scorecard(reading: Reading) -> Section | None:
    """Every card that the reader was told a part of."""
    found = reading.documents("scorecard", "scorecard", CardPart)
    blocks: list[Block] = []
    for _, part in found:
        start = () if part.start is None else (Card(START, _points(part.start, part), OF_INTERCEPT),)
        blocks += [
            Cards(
                (
                    Card(BASE, number(part.base_points, 0), AT_ODDS),
                    Card(ODDS, f"{part.base_odds:g} : 1", GOOD_BAD),
                    Card(PDO, f"{part.pdo:g}", ""),
                    *start,
                )
            ),
            Note(
                SCALE.format(
                    odds=f"{part.base_odds:g}", base=number(part.base_points, 0), pdo=f"{part.pdo:g}"
                )
            ),
            Note(MINE.format(features=_features(part))),
            *(_column(one, part) for one in part.columns),
        ]
    return Section("scorecard", TITLE, tuple(blocks)) if blocks else None


def _features(part: CardPart) -> Text:
    return joined(
        [OF_PARTY.format(party=party, names=", ".join(names)) for party, names in part.features.items()]
    )


def _points(points: float, part: CardPart) -> str:
    return number(points, part.decimals)


def _column(column: CardColumn, part: CardPart) -> Detail:
    span = (column.most - column.least) or 1.0
    lines = [
        (
            bin_label(one.label),
            signed(one.woe, 3),
            _points(one.points, part),
            Bar((one.points - column.least) / span),
        )
        for one in column.bins
    ]
    table = Table(columns_of(HEAD, ("name", "n", "n", "draw")), lines)
    about = ABOUT.format(
        coefficient=signed(column.coefficient),
        least=_points(column.least, part),
        most=_points(column.most, part),
    )
    return Detail(column.name, (table,), about)


def reasons(reading: Reading) -> Section | None:
    """Counts of reasons by feature, the most frequent first one first."""
    blocks: list[Block] = []
    for _, document in reading.documents("reasons", "reasons", ReasonsSummary):
        places = max((len(one.rows) for one in document.features), default=0)
        ranked = sorted(
            document.features, key=lambda one: (tuple(-n for n in one.rows), one.party, one.column)
        )
        whole = max(1, document.rows)
        most = max((sum(one.rows) for one in ranked), default=0) or 1
        lines = [
            (
                one.column,
                one.party,
                *(count(one.rows[place]) if place < len(one.rows) else None for place in range(places)),
                percent(sum(one.rows) / whole),
                Bar(sum(one.rows) / most),
            )
            for one in ranked
        ]
        columns = (
            Column(FEATURE, "name"),
            Column(OWNER, "keep"),
            *(Column(PLACE.format(place=place + 1), "n") for place in range(places)),
            Column(SHARE, "n"),
            Column(T("", ""), "draw"),
        )
        said = REASONS.format(
            frame=frame_name(document.frame),
            against=AGAINST[document.against],
            without=count(document.without),
            rows=count(document.rows),
        )
        blocks += [Note(said), Table(columns, lines)]
    return Section("reasons", TITLE_REASONS, tuple(blocks)) if blocks else None
