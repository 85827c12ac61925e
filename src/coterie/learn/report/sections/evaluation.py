"""``evaluate``: the section of one measured score."""

from __future__ import annotations

import math

from coterie.learn.component import Finding
from coterie.learn.evaluate import (
    CurvesDocument,
    Evaluation,
    HiddenEvaluation,
    PooledEvaluation,
    PooledRegression,
    RegressionEvaluation,
    SeveralEvaluation,
)
from coterie.learn.report.blocks import Block, Note, Section
from coterie.learn.report.numbers import count, number
from coterie.learn.report.sections.cuts import cuts, regression, segments
from coterie.learn.report.sections.hidden_rows import measured_hidden
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.performance import Measured, curves_of, measures, tables
from coterie.learn.report.sections.reading import Reading, document_of
from coterie.learn.report.sections.several_classes import of_several
from coterie.learn.report.texts import T

__all__ = ["evaluations", "measured", "measured_evaluations"]

TITLE = T("How good the score is", "模型表现")
TITLE_OF = T("How good the score of “{model}” is", "模型表现：{model}")
ON = T(
    "Model “{model}” on the {rows} rows of: {frame}.",
    "模型“{model}”在{frame}上的表现，共 {rows} 个样本。",
)
UNSEEN = T(
    "Model “{model}” on the {rows} test rows, which training did not see.",
    "模型“{model}”在 {rows} 个测试样本上的表现，训练未使用这些样本。",
)
ALONE = T(
    "“Own columns alone” is a model of the same kind and parameters that {holder} trained on its own "
    "columns of the "
    "same training rows, measured on the same rows as the joint model. The interval of the difference is "
    "paired.",
    "“仅自有数据模型”由 {holder} 以相同算法与参数、相同训练样本、仅用自有数据列训练，并在相同样本上评估；差"
    "值的置信区间为配对区间。",
)
GUARDED = T(
    "Curves and groups are coarse where they would tell of fewer than {least} rows of either label.",
    "为避免披露少于 {least} 个好样本或坏样本的分组，曲线与分组已相应合并。",
)
POOLED = T(
    "Every party has scored its own rows, and nobody has all scores: labels are counted, over all parties, "
    "in {bins} bins of the score. Scores that share a bin tie, by which the AUC can be off by {error} at "
    "most, and KS too low by {ks_error}; cuts and bands are taken at borders of bins. Log loss and Brier "
    "score are those of the scores. The interval of the AUC follows DeLong, DeLong and Clarke-Pearson "
    "(1988), intervals of rates Wilson (1927).",
    "各参与方只对自有样本评分，任何一方都没有全部评分：标签按 {bins} 个评分区间在全部参与方范围内计数。"
    "同一区间内的评分视为相同，由此 AUC 的误差至多为 {error}，KS 至多偏低 {ks_error}；"
    "切分点与分段均取在区间边界上。"
    "对数损失与 Brier 分数按评分本身计算。AUC 区间采用 DeLong 等（1988）方法，"
    "比率区间采用 Wilson（1927）方法。",
)
POOLED_BANDS = T(
    "Every party has scored its own rows, and nobody has all scores: bands are made of {bins} bins of the "
    "score, in which rows of all parties are counted.",
    "各参与方只对自有样本评分，任何一方都没有全部评分：分段由 {bins} 个评分区间组成，"
    "区间样本数在全部参与方范围内统计。",
)
METHOD = T(
    "AUC, Gini and KS are exact: equal scores count one half in the AUC, and a threshold never falls "
    "between equal "
    "scores. Intervals of the AUC follow DeLong, DeLong and Clarke-Pearson (1988), intervals of rates "
    "Wilson (1927). "
    "At the KS threshold of {threshold}, rows with that score or a higher one count as high.",
    "AUC、Gini 与 KS 为精确值：分数相同的样本对在 AUC 中计一半，阈值不会落在相同分数之间。AUC 区间采用 "
    "DeLong 等（1988）方法，"
    "比率区间采用 Wilson（1927）方法。KS 阈值 {threshold} 处，分数不低于该值的样本计为高分。",
)


def _evaluations(reading: Reading) -> tuple[Finding, ...]:
    """One for each step: it is told to who gets metrics, and noted for who gets the report."""
    found = (*reading.of("evaluate", "metrics"), *reading.of("evaluate", "report"))
    return tuple({one.step: one for one in found if "task" in one.document}.values())


def measured_evaluations(reading: Reading) -> tuple[tuple[str, Evaluation], ...]:
    """Of scores of a label that is 0 or 1, with their steps."""
    found = [one for one in _evaluations(reading) if one.document["task"] == "classification"]
    return tuple((one.step, _classes(one)) for one in found)


def _classes(finding: Finding) -> Evaluation:
    """With what else is told where nobody has all scores."""
    return document_of(finding, PooledEvaluation if "score_bins" in finding.document else Evaluation)


def _numbers(finding: Finding) -> RegressionEvaluation:
    kind = PooledRegression if "score_bins" in finding.document else RegressionEvaluation
    return document_of(finding, kind)


def measured(reading: Reading, step: str, of: Evaluation) -> Measured:
    """With the step's curves, where the reader was told them."""
    found = [one for one in reading.of("evaluate", "report") if "task" not in one.document]
    drawn = {one.step: document_of(one, CurvesDocument) for one in found}.get(step)
    if drawn is None:
        return Measured(of.joint, of.baseline)
    return Measured(of.joint, of.baseline, drawn.joint, drawn.baseline)


def evaluations(reading: Reading) -> tuple[Section, ...]:
    """One for each step."""
    found = _evaluations(reading)
    made: list[Section] = []
    for finding in found:
        title = TITLE if len(found) == 1 else TITLE_OF.format(model=finding.document["model"])
        if finding.document["task"] == "regression":
            blocks = _of_numbers(_numbers(finding))
        elif finding.document["task"] == "several classes":
            blocks = of_several(document_of(finding, SeveralEvaluation))
        elif finding.document["task"] == "hidden classification":
            blocks = measured_hidden(document_of(finding, HiddenEvaluation))
        else:
            blocks = _of_classes(reading, finding.step, _classes(finding))
        made.append(Section(f"evaluation-{len(made) + 1}", title, blocks))
    return tuple(made)


def _of_numbers(of: RegressionEvaluation) -> tuple[Block, ...]:
    rows = count(of.joint.rows)
    said = ON.format(model=of.model, rows=rows, frame=frame_name(of.frame))
    if isinstance(of, PooledRegression):
        return (Note(said), *regression(of), Note(POOLED_BANDS.format(bins=count(of.score_bins))))
    return (Note(said), *regression(of))


def _above(error: float) -> str:
    """What is not less than a bound."""
    return number(math.ceil(error * 1e6) / 1e6, 6)


def _of_classes(reading: Reading, step: str, of: Evaluation) -> tuple[Block, ...]:
    both = measured(reading, step, of)
    said = {"model": of.model, "rows": count(of.joint.rows)}
    about = UNSEEN.format(**said) if of.frame == "test" else ON.format(**said, frame=frame_name(of.frame))
    blocks: list[Block] = [Note(about), measures(both)]
    if of.baseline is not None:
        blocks.append(Note(ALONE.format(holder=reading.facts.label_holder)))
    blocks += [curves_of(both), *tables(both), *cuts(of.joint), *segments(of)]
    if of.guarded:
        blocks.append(Note(GUARDED.format(least=count(reading.facts.min_group))))
    if isinstance(of, PooledEvaluation):
        errors = {"error": _above(of.auc_error), "ks_error": _above(of.ks_error)}
        blocks.append(Note(POOLED.format(bins=count(of.score_bins), **errors)))
    else:
        blocks.append(Note(METHOD.format(threshold=number(of.joint.ks_threshold))))
    return tuple(blocks)
