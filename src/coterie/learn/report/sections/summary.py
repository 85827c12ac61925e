"""What stands on top: the model, how good it is, what the others added, the decision."""

from __future__ import annotations

from collections.abc import Iterable

from coterie.learn.evaluate import Evaluation, Metrics
from coterie.learn.report.blocks import Block, Card, Cards, Note
from coterie.learn.report.numbers import count, number, percent, signed
from coterie.learn.report.sections.evaluation import measured_evaluations
from coterie.learn.report.sections.models import models_beside
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text

__all__ = ["summary"]

RANKS = T(
    "Model <b>{model}</b>{best}: a row with label 1 scores higher than a row with label 0 in <b>{auc}</b> of "
    "all pairs{rest}",
    "模型 <b>{model}</b>{best}：任取一个标签为 1 的样本与一个标签为 0 的样本，"
    "前者得分更高的概率为 <b>{auc}</b>{rest}",
)
BEST = T(
    ", the one of {models} with the highest AUC on the same rows",
    "（相同样本上 {models} 个模型中 AUC 最高者）",
)
ONLY = T("", "")
NO_BASELINE = T(".", "。")
BASELINE = T(
    "; with the columns of {holder} alone it is {alone}. {verdict}",
    "；仅用 {holder} 自有数据时为 {alone}。{verdict}",
)
GAIN = T(
    "The gain in AUC, <b>{gain}</b>, is larger than chance explains (95% interval {low} to {high}).",
    "AUC 提升 <b>{gain}</b>，超出随机波动可解释的范围（95% 置信区间 {low} 至 {high}）。",
)
WORSE = T(
    "The joint model ranks <b>worse</b> than the own columns alone ({gain}, 95% interval {low} to {high}).",
    "联合模型的排序能力<b>低于</b>仅自有数据模型（{gain}，95% 置信区间 {low} 至 {high}）。",
)
CHANCE = T(
    "The difference in AUC, {gain}, <b>may be chance</b> (95% interval {low} to {high}).",
    "AUC 差值 {gain} <b>可能源于随机波动</b>（95% 置信区间 {low} 至 {high}）。",
)
TOP = T(
    " The {rows} of rows with the highest scores hold <b>{caught}</b> of all rows with label 1.",
    "得分最高的 {rows} 样本覆盖了 <b>{caught}</b> 的标签 1 样本。",
)
NOTHING = T(
    "This job has told {reader} no result beyond this page: it shows what is public of the job among its "
    "parties.",
    "除本页外，本任务未向 {reader} 提供其他结果；本页仅展示任务在各参与方之间公开的信息。",
)
SOMETHING = T(
    "What this job has told {reader} is below: {count} documents of results.",
    "以下为本任务告知 {reader} 的内容，共 {count} 份结果文档。",
)
AUC = T("AUC", "AUC")
KS = T("KS", "KS 值")
GINI = T("Gini", "Gini 系数")
LIFT = T("Lift of the highest band", "最高分段提升度")
ROWS = T("Rows measured", "评估样本数")
FEATURES = T("Features", "特征数")
INTERVAL = T("95% interval {low} to {high}", "95% 置信区间 {low} 至 {high}")
AGAINST = T("alone {alone}, <b>{difference}</b>", "仅自有 {alone}，<b>{difference}</b>")
AT_SCORE = T("at score {score}", "分数 {score} 处")
TWICE = T("2 × AUC − 1", "2 × AUC − 1")
TIMES = T("{lift}×", "{lift} 倍")
AVERAGE = T("times the average rate of {rate}", "平均违约率 {rate} 的倍数")
WITH_ONE = T("{positives} with label 1, <b>{rate}</b>", "标签为 1 的 {positives} 个，<b>{rate}</b>")
OF_EACH = T("columns of the job, at each of {parties} parties", "任务所用列，{parties} 个参与方均有")
OF_PARTIES = T("columns of {parties} parties in the job", "任务所用列，来自 {parties} 个参与方")


def summary(reading: Reading, decision: Text | None = None, kept: int | None = None) -> tuple[Block, ...]:
    """A sentence and cards of the best model, all models where there are several, and what was decided.

    :param kept: features that were selected, where the reader was told.
    """
    measured = [of for _, of in measured_evaluations(reading)]
    found = {(of.model, of.frame): of for of in measured}
    blocks: list[Block] = []
    if found:
        compared = _compared(found.values(), measured[-1].frame)
        best = BEST.format(models=len(compared)) if len(compared) > 1 else ONLY
        of = compared[0]
        blocks += [Note(_sentence(reading, of, best), "lead"), _cards(reading, of, kept)]
        if len({model for model, _ in found}) > 1:
            others = tuple(one for one in found.values() if one not in compared)
            blocks.append(models_beside(reading, (*compared, *others)))
    elif reading.findings:
        said = SOMETHING.format(reader=reading.facts.reader, count=len(reading.findings))
        blocks.append(Note(said, "lead"))
    else:
        blocks.append(Note(NOTHING.format(reader=reading.facts.reader), "lead"))
    if decision is not None:
        blocks.append(Note(decision, "decision"))
    return tuple(blocks)


def _compared(found: Iterable[Evaluation], frame: str) -> list[Evaluation]:
    """Of this frame, the highest AUC first; of equal ones the first that was measured."""
    return sorted((of for of in found if of.frame == frame), key=lambda of: -of.joint.auc)


def _sentence(reading: Reading, of: Evaluation, best: Text) -> Text:
    rest = NO_BASELINE
    low, high, gain = of.auc_gain_low, of.auc_gain_high, of.auc_gain
    if of.baseline is not None and low is not None and high is not None and gain is not None:
        verdict = GAIN if low > 0 else WORSE if high < 0 else CHANCE
        said = verdict.format(gain=signed(gain), low=signed(low), high=signed(high))
        rest = BASELINE.format(
            holder=reading.facts.label_holder, alone=percent(of.baseline.auc), verdict=said
        )
    first = RANKS.format(model=of.model, best=best, auc=percent(of.joint.auc), rest=rest)
    top = of.joint.lift[0]
    more = TOP.format(rows=percent(top.cumulative_rows, 0), caught=percent(top.cumulative_positives, 0))
    return Text(first.en + more.en, first.zh + more.zh)


def _cards(reading: Reading, of: Evaluation, kept: int | None) -> Cards:
    joint, alone = of.joint, of.baseline
    first = joint.lift[0]
    columns = [one.columns for one in reading.facts.parties if one.columns is not None]
    features = max(columns) if reading.facts.horizontal else sum(columns)
    where = OF_EACH if reading.facts.horizontal else OF_PARTIES
    interval = INTERVAL.format(low=number(joint.auc_low, 3), high=number(joint.auc_high, 3))
    cards = [
        Card(AUC, number(joint.auc), _note(joint, alone, "auc", interval)),
        Card(
            KS, number(joint.ks), _note(joint, alone, "ks", AT_SCORE.format(score=number(joint.ks_threshold)))
        ),
        Card(GINI, number(joint.gini), _note(joint, alone, "gini", TWICE)),
        Card(
            LIFT, TIMES.format(lift=number(first.lift, 2)), AVERAGE.format(rate=percent(joint.positive_rate))
        ),
        Card(
            ROWS,
            count(joint.rows),
            WITH_ONE.format(positives=count(joint.positives), rate=percent(joint.positive_rate, 2)),
        ),
        Card(
            FEATURES,
            count(features if kept is None else kept),
            where.format(parties=len(columns)) if kept is None else SELECTED.format(all=count(features)),
        ),
    ]
    return Cards(tuple(cards))


LINES = T("{first}<br>{second}", "{first}<br>{second}")
SELECTED = T("selected of {all} columns in the job", "由任务的 {all} 列中选出")


def _note(joint: Metrics, alone: Metrics | None, field: str, otherwise: Text) -> Text:
    if alone is None:
        return otherwise
    value, other = float(getattr(joint, field)), float(getattr(alone, field))
    against = AGAINST.format(alone=number(other), difference=signed(value - other))
    if field != "auc":
        return against
    return LINES.format(first=against, second=otherwise)
