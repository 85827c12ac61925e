"""``contribution``: what each party did for a model."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.learn.contribution import Contributions, PartyContribution
from coterie.learn.measures import Z95
from coterie.learn.report.blocks import (
    Block,
    Cell,
    Column,
    Detail,
    Figure,
    Figures,
    Key,
    Note,
    Section,
    Table,
)
from coterie.learn.report.charts import Axis, Bars, Dots, Line, Mark, Plot, axis
from coterie.learn.report.numbers import count, number, percent, short, signed
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text, foreign

__all__ = ["contribution"]

TITLE = T("What each party contributed", "各参与方的贡献")
MODEL = T("Model “{model}”", "模型“{model}”")
LOSS = T(
    "The joint model brings the {measure} on {rows} rows ({frame}) from {nothing}, that of a model without "
    "features, to <b>{whole}</b>.",
    "在{frame}的 {rows} 个样本上，联合模型使{measure}由无特征模型的 {nothing} 降至 <b>{whole}</b>。",
)
FROM_FIRST = T(
    "Training brings the {measure} on {rows} rows ({frame}) from {nothing}, that of the network with random "
    "weights that it began with, to <b>{whole}</b>.",
    "在{frame}的 {rows} 个样本上，训练使{measure}由初始随机权重网络的 {nothing} 降至 <b>{whole}</b>。",
)
AREA = T(
    "The joint model has an AUC of <b>{whole}</b> on {rows} rows ({frame}); chance has {nothing}.",
    "在{frame}的 {rows} 个样本上，联合模型的 AUC 为 <b>{whole}</b>（随机为 {nothing}）。",
)
MOST = T(
    " Of the gain <b>{party}</b> contributed the most: {share}.",
    "其中 <b>{party}</b> 的贡献最大：占提升的 {share}。",
)
OWN = T(
    " Of the gain {party} contributed <b>{share}</b>; others are not told.",
    "其中 {party} 的贡献占提升的 <b>{share}</b>；其他参与方不会获知。",
)
NO_GAIN = T(" It gains nothing.", "未带来提升。")
HARMS = T(
    " Without the rows of {parties} the measured loss is lower than with them, by more than chance explains.",
    "剔除 {parties} 的样本后，评估损失反而更低，且超出随机波动可解释的范围。",
)
MAY_HARM = T(
    " Without the rows of {parties} the measured loss would be no higher, by the estimate.",
    "据估计，剔除 {parties} 的样本后评估损失不会升高。",
)
NAMES = {
    "log_loss": T("log-loss", "对数损失"),
    "deviance": T("mean deviance", "平均偏差"),
    "auc": T("AUC", "AUC"),
}
PARTY = T("Party", "参与方")
ROWS = T("Training rows", "训练样本数")
OF_ROWS = T("Share of the rows", "样本占比")
CONTRIBUTION = T("Contribution", "贡献")
OF_GAIN = T("Share of the gain", "占提升的比例")
DRAWN = T("Standard error of drawing", "抽样标准误")
LEFT_OUT = T("Worse without it", "剔除后的损失")
LEFT_ERROR = T("Standard error", "标准误")
SHARES = T("Contributions beside rows", "贡献与样本占比")
SHARES_SAY = T(
    "A bar above nought: the party’s rows made the model better. A dot is the party’s share of the training "
    "rows.",
    "柱形高于零表示该方样本使模型变好；圆点为该方训练样本占比。",
)
BARS = T("share of the gain", "占提升的比例")
DOTS = T("share of the training rows", "训练样本占比")
MEASURED = T("share", "占比")
WHO = T("party", "参与方")
IN_RUN = T(
    "A contribution is the party’s part of the way that the training went from the model without features to "
    "the joint one: the parts add up to {accounted} of {gain}. No other model was trained.{left}",
    "贡献为该方在模型从无特征到联合模型的训练路径上所占的部分，各方之和为 {accounted}（提升共 {gain}）。"
    "未另行训练模型。{left}",
)
IN_ROUNDS = T(
    "A contribution is the party’s part of the way that the training went from the first network to the "
    "last, taken in a few straight stretches: the parts add up to {accounted} of {gain}. No other model was "
    "trained.",
    "贡献为该方在网络从初始到最终的训练路径上所占的部分（路径按若干直线段计），"
    "各方之和为 {accounted}（提升共 {gain}）。"
    "未另行训练模型。",
)
FORETOLD = T(
    " “Worse without it” foretells by how much the measure would be worse if the others had trained without "
    "the party: an estimate.",
    "“剔除后的损失”为其他各方不含该方训练时指标变差程度的估计值。",
)
NOTHING = T("", "")
EXACT = T(
    "{trainings} models of groups of at least three parties were trained by secure sums; contributions are "
    "Shapley values over all groups, the first three parties being parted as in one run of theirs. They add "
    "up to {accounted} of {gain}.",
    "通过安全求和训练了 {trainings} 个由至少三方组成的组合的模型；贡献为全部组合上的 Shapley 值，"
    "其中最先加入的三方按其一次训练内的路径分摊。各方之和为 {accounted}（提升共 {gain}）。",
)
SAMPLED = T(
    "{trainings} models of groups of at least three parties were trained by secure sums; contributions are "
    "Shapley values estimated by {orders} drawn orders of the parties, {cut} of which were cut short within "
    "the tolerance. They add up to {accounted} of {gain}.",
    "通过安全求和训练了 {trainings} 个由至少三方组成的组合的模型；贡献为按随机抽取的 {orders} 个加入次序"
    "估计的 Shapley 值，其中 {cut} 个次序因达到容差而提前结束。各方之和为 {accounted}（提升共 {gain}）。",
)
WITHOUT = T(
    "{trainings} models were trained by secure sums, each without one of the parties.",
    "通过安全求和训练了 {trainings} 个模型，每个剔除一个参与方。",
)
UNTRAINED = T(
    "Of the rows of {untrained} groups no model could be trained; they count as if they had none.",
    "有 {untrained} 个组合的样本无法训练模型，按无模型计。",
)
NOT_THE_GAIN = T(
    "The contributions <b>do not add up to the gain</b>: a party has told another number than its rows give.",
    "各方贡献之和<b>与提升不符</b>：有参与方所报数值与其样本不一致。",
)
NEAR = 0.01
"""Of the gain: by how much the contributions of one run may be off; those of a network by more."""
NEAR_ROUNDS = 0.05
DRAWABLE = 12
"""Most parties of a picture."""


def contribution(reading: Reading) -> Section | None:
    """For each step."""
    told = [of for _, of in reading.documents("contribution", "contribution", Contributions)]
    blocks: list[Block] = []
    for of in told:
        inside = _blocks(reading, of)
        blocks += inside if len(told) == 1 else [Detail(MODEL.format(model=of.model), inside)]
    return Section("contribution", TITLE, tuple(blocks)) if blocks else None


def _blocks(reading: Reading, of: Contributions) -> tuple[Block, ...]:
    blocks: list[Block] = [Note(_sentence(reading, of), "lead")]
    if of.gain > 0 and of.told == "all" and of.accounted is not None and len(of.parties) <= DRAWABLE:
        blocks.append(Figures((_figure(of),)))
    blocks += [_table(of), Note(_method(of))]
    if (
        of.method == "in_run"
        and of.accounted is not None
        and abs(of.accounted - of.gain)
        > (NEAR_ROUNDS if of.begins == "first_network" else NEAR) * abs(of.gain)
    ):
        blocks.append(Note(NOT_THE_GAIN, "lead"))
    if of.untrained:
        blocks.append(Note(UNTRAINED.format(untrained=count(of.untrained))))
    return tuple(blocks)


def _sentence(reading: Reading, of: Contributions) -> Text:
    numbers = {"rows": count(of.rows), "frame": frame_name(of.frame)}
    if of.measure == "auc":
        first = AREA.format(**numbers, nothing=number(of.nothing), whole=number(of.whole))
    else:
        sides = {"nothing": _shown(of, of.nothing), "whole": _shown(of, of.whole)}
        said = FROM_FIRST if of.begins == "first_network" else LOSS
        first = said.format(**numbers, **sides, measure=NAMES[of.measure])
    return _joined(first, _who(reading, of), _who_harms(of))


def _who(reading: Reading, of: Contributions) -> Text | None:
    if of.gain <= 0:
        return NO_GAIN
    known = [one for one in of.parties if one.contribution is not None]
    if not known:
        return None
    if of.told == "own":
        return OWN.format(party=reading.facts.reader, share=percent(_part(of, known[0])))
    most = max(known, key=lambda one: one.contribution or 0.0)
    return MOST.format(party=most.party, share=percent(_part(of, most)))


def _who_harms(of: Contributions) -> Text | None:
    names = [
        one.party
        for one in of.parties
        if one.left_out is not None and one.left_out + Z95 * (one.left_out_error or 0.0) < 0
    ]
    if not names or of.told == "own" or of.measure == "auc":
        return None
    text = MAY_HARM if of.method == "in_run" else HARMS
    return text.format(parties=Text(foreign(", ".join(names)).en, foreign("、".join(names)).zh))


def _joined(*texts: Text | None) -> Text:
    kept = [one for one in texts if one is not None]
    first = kept[0]
    for one in kept[1:]:
        first = Text(first.en + one.en, first.zh + one.zh)
    return first


def _part(of: Contributions, one: PartyContribution) -> float | None:
    return None if one.contribution is None or of.gain <= 0 else one.contribution / of.gain


def _shown(of: Contributions, value: float) -> str:
    return short(value) if of.measure == "deviance" else number(value)


def _gained(of: Contributions, value: float | None) -> str | None:
    if value is None:
        return None
    return short(value) if of.measure == "deviance" else signed(value, 5)


def _figure(of: Contributions) -> Figure:
    rows = sum(one.rows for one in of.parties) or 1
    parts = [_part(of, one) or 0.0 for one in of.parties]
    shares = [one.rows / rows for one in of.parties]
    places = range(1, len(parts) + 1)
    low, high = min(0.0, *parts), 1.1 * max(*parts, *shares)
    names = tuple((place, one.party) for place, one in zip(places, of.parties, strict=True))
    x = Axis(WHO, 0.4, len(parts) + 0.6, names)
    marks: list[Mark] = [Bars(tuple(zip(places, parts, strict=True)), "joint")]
    marks.append(Line(((0.4, 0), (len(parts) + 0.6, 0)), "thin"))
    marks.append(Dots(tuple(zip(places, shares, strict=True)), "alone"))
    plot = Plot(x, axis(MEASURED, 1.1 * low, high, lambda value: percent(value, 0)), tuple(marks))
    return Figure(SHARES, plot, SHARES_SAY, (Key("joint", BARS), Key("alone", DOTS)))


def _table(of: Contributions) -> Table:
    rows = sum(one.rows for one in of.parties) if of.told == "all" else 0
    shared, drawn = of.accounted is not None, of.orders is not None
    left = any(one.left_out is not None for one in of.parties)
    errors = any(one.left_out_error is not None for one in of.parties)
    columns = [Column(PARTY, "name"), Column(ROWS, "n")]
    columns += [Column(OF_ROWS, "n")] if rows else []
    columns += [Column(CONTRIBUTION, "n"), Column(OF_GAIN, "n")] if shared else []
    columns += [Column(DRAWN, "n")] if drawn else []
    columns += [Column(LEFT_OUT, "n")] if left else []
    columns += [Column(LEFT_ERROR, "n")] if errors else []
    lines: list[Sequence[Cell]] = []
    for one in of.parties:
        cells: list[Cell] = [one.party, count(one.rows)]
        cells += [percent(one.rows / rows)] if rows else []
        cells += [_gained(of, one.contribution), percent(_part(of, one))] if shared else []
        cells += [number(one.drawn_error, 5)] if drawn else []
        cells += [_gained(of, one.left_out)] if left else []
        cells += [number(one.left_out_error, 5)] if errors else []
        lines.append(cells)
    return Table(tuple(columns), lines)


def _method(of: Contributions) -> Text:
    said = {
        "trainings": count(of.trainings),
        "accounted": _gained(of, of.accounted),
        "gain": _gained(of, of.gain),
    }
    if of.begins == "first_network":
        return IN_ROUNDS.format(**said)
    if of.method == "in_run":
        left = any(one.left_out is not None for one in of.parties)
        return IN_RUN.format(**said, left=FORETOLD if left else NOTHING)
    if of.accounted is None:
        return WITHOUT.format(**said)
    if of.orders is None:
        return EXACT.format(**said)
    return SAMPLED.format(**said, orders=count(of.orders), cut=count(of.cut_short))
