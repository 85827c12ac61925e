"""``decide``: cut-offs, what they bring, limits by score band."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.learn.decide import Band, Decided, Zone
from coterie.learn.report.blocks import Bar, Block, Cell, Column, Detail, Note, Section, Table, columns_of
from coterie.learn.report.numbers import count, number, percent, short
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text

__all__ = ["decided_in_short", "decision"]

TITLE = T("Decision", "审批策略")
CHOICES = {"approve": T("approve", "通过"), "manual": T("manual", "人工"), "refuse": T("refuse", "拒绝")}
STYLES = {"approve": "joint", "manual": "quiet", "refuse": "alone"}
POINTS = T(
    "From <b>{approve}</b> points rows are approved, below <b>{refuse}</b> they are refused; a person "
    "decides between "
    "the two.",
    "评分不低于 <b>{approve}</b> 分通过，低于 <b>{refuse}</b> 分拒绝，其间由人工审批。",
)
POINTS_ONE = T(
    "From <b>{approve}</b> points rows are approved, below they are refused.",
    "评分不低于 <b>{approve}</b> 分通过，低于该分拒绝。",
)
RISK = T(
    "Below a probability of label 1 of <b>{approve}</b> rows are approved, from <b>{refuse}</b> they are "
    "refused; a "
    "person decides between the two.",
    "违约概率低于 <b>{approve}</b> 通过，不低于 <b>{refuse}</b> 拒绝，其间由人工审批。",
)
RISK_ONE = T(
    "Below a probability of label 1 of <b>{approve}</b> rows are approved, from there they are refused.",
    "违约概率低于 <b>{approve}</b> 通过，否则拒绝。",
)
EXPECTED = T(
    " That approves {share} of the rows, with a default rate of {rate}.",
    "预计通过率 {share}，通过样本违约率 {rate}。",
)
ON = T("Model “{model}” on {frame}: {rows} rows.", "模型“{model}”，{frame}，共 {rows} 个样本。")
ZONES = T("Expected volumes", "预期业务量")
BANDS = T("Bands and limits", "分数段与额度")
LOSS = T("Loss given default: {loss}.", "违约损失率 LGD：{loss}。")
FEW = T(
    "Volumes are not told: one of the decisions has too few rows for others than the label holder.",
    "某一决策的样本过少，不向标签方以外的参与方告知业务量。",
)
DECIDES = T("Decision", "决策")
ROWS = T("Rows", "样本数")
SHARE = T("Share", "占比")
POSITIVES = T("With label 1", "坏样本")
RATE = T("Default rate", "违约率")
PREDICTED = T("Predicted rate", "预测违约率")
LIMITS = T("Sum of limits", "额度合计")
LIMIT = T("Limit of each", "单户额度")
EXPECTED_LOSS = T("Expected loss", "预期损失")
BAND = T("Band", "分数段")
SCORES = T("Scores", "分数区间")
TARGETS = T("What was asked for", "策略目标")
TARGET = T("Target", "目标")
WANTED = T("Wanted", "目标值")
REACHED = T("Reached", "实际值")
MET = T("Met", "是否达成")
YES, NO = T("yes", "是"), T("<b>no</b>", "<b>否</b>")
TARGET_NAMES = {
    "max_bad_rate": T("default rate of approved rows at most", "通过样本违约率上限"),
    "min_approval": T("share of approved rows at least", "通过率下限"),
    "manual": T("share of rows that a person decides at least", "人工审批占比下限"),
}


def _found(reading: Reading) -> tuple[tuple[str, Decided], ...]:
    return reading.documents("decide", "metrics", Decided)


def decided_in_short(reading: Reading) -> Text | None:
    """The last rule in a sentence."""
    found = _found(reading)
    return _sentence(found[-1][1]) if found else None


def _sentence(of: Decided) -> Text:
    points = of.unit == "points"
    shown = (number(of.approve, 0), number(of.refuse, 0)) if points else (_risk(of.approve), _risk(of.refuse))
    one = shown[0] == shown[1]
    words = (POINTS_ONE if one else POINTS) if points else (RISK_ONE if one else RISK)
    said = words.format(approve=shown[0], refuse=shown[1])
    zone = next((zone for zone in of.zones if zone.decision == "approve"), None)
    if zone is None or zone.rate is None:
        return said
    more = EXPECTED.format(share=percent(zone.share), rate=percent(zone.rate, 2))
    return Text(said.en + more.en, said.zh + more.zh)


def _risk(value: float) -> str:
    return percent(value, 2)


def decision(reading: Reading) -> Section | None:
    """For each rule: the sentence, targets, zones, bands."""
    blocks: list[Block] = []
    for _, of in _found(reading):
        blocks += [
            Note(ON.format(model=of.model, frame=frame_name(of.frame), rows=count(of.rows))),
            Note(_sentence(of), "decision"),
        ]
        if of.targets:
            blocks.append(Detail(TARGETS, (_targets(of),)))
        if not of.zones:
            blocks.append(Note(FEW))
            continue
        blocks.append(Detail(ZONES, (_zones(of.zones),)))
        if of.bands:
            blocks.append(Detail(BANDS, (_bands(of), Note(LOSS.format(loss=percent(of.loss_given_default))))))
    return Section("decision", TITLE, tuple(blocks)) if blocks else None


def _targets(of: Decided) -> Table:
    lines = [
        (TARGET_NAMES[one.name], percent(one.wanted, 2), percent(one.reached, 2), YES if one.met else NO)
        for one in of.targets
    ]
    columns = (Column(TARGET), Column(WANTED, "n"), Column(REACHED, "n"), Column(MET, "keep"))
    return Table(columns, lines, narrow=True)


def _zones(zones: tuple[Zone, ...]) -> Table:
    limits = any(zone.limit is not None for zone in zones)
    lines: list[Sequence[Cell]] = []
    for zone in zones:
        money = (_money(zone.limit), _money(zone.expected_loss)) if limits else ()
        lines.append(
            (
                CHOICES[zone.decision],
                count(zone.rows),
                percent(zone.share),
                Bar(zone.share, STYLES[zone.decision]),
                count(zone.positives),
                percent(zone.rate, 2),
                percent(zone.predicted, 2),
                *money,
            )
        )
    more = (Column(LIMITS, "n"), Column(EXPECTED_LOSS, "n")) if limits else ()
    titles = (DECIDES, ROWS, SHARE, T("", ""), POSITIVES, RATE, PREDICTED)
    styles = ("strong", "n", "n", "draw", "n", "n", "n")
    return Table((*columns_of(titles, styles), *more), lines)


def _bands(of: Decided) -> Table:
    limits = any(band.limit is not None for band in of.bands)
    most = max((band.rate for band in of.bands), default=0.0) or 1.0
    lines: list[Sequence[Cell]] = []
    for band in of.bands:
        money = (_money(band.limit), _money(band.expected_loss)) if limits else ()
        lines.append(
            (
                band.band,
                _span(of, band),
                CHOICES[band.decision],
                count(band.rows),
                percent(band.share),
                count(band.positives),
                percent(band.rate, 2),
                Bar(band.rate / most, STYLES[band.decision]),
                percent(band.predicted, 2),
                *money,
            )
        )
    more = (Column(LIMIT, "n"), Column(EXPECTED_LOSS, "n")) if limits else ()
    titles = (BAND, SCORES, DECIDES, ROWS, SHARE, POSITIVES, RATE, T("", ""), PREDICTED)
    styles = ("n", "n", "keep", "n", "n", "n", "n", "draw", "n")
    return Table((*columns_of(titles, styles), *more), lines)


def _span(of: Decided, band: Band) -> str:
    if of.unit == "points":
        return f"{short(band.score_low)} – {short(band.score_high)}"
    return f"{_risk(band.score_low)} – {_risk(band.score_high)}"


def _money(value: float | None) -> str | None:
    return None if value is None else count(value)
