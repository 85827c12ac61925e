"""All models that were measured, beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from coterie.learn.evaluate import ClassMeasures, Evaluation, OwnRowsEvaluation
from coterie.learn.report.blocks import Cell, Column, Table
from coterie.learn.report.numbers import count, number
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.own_rows import own_evaluations
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text

__all__ = ["models_beside"]

MODEL = T("Model", "模型")
FRAME = T("Rows of", "样本范围")
ROWS = T("Rows", "样本数")
AUC = T("AUC", "AUC")
INTERVAL = T("95% interval", "95% 置信区间")
KS = T("KS", "KS 值")
ALONE = T("AUC, columns of {holder} alone", "AUC，仅 {holder} 自有数据列")
OWN = T("AUC on own rows: own model, joint model", "自有样本 AUC：自有模型、联合模型")
PAIR = T("{own}, <b>{joint}</b>", "{own}、<b>{joint}</b>")
BETWEEN = T("{low} to {high}", "{low} 至 {high}")


def models_beside(reading: Reading, found: Sequence[Evaluation]) -> Table:
    """A line for each, in this order; with what is reached without the others, where that was measured."""
    own = {(one.model, one.frame): one for one in own_evaluations(reading)}
    columns = [
        Column(MODEL, "strong"),
        Column(FRAME),
        Column(ROWS, "n"),
        Column(AUC, "n"),
        Column(INTERVAL, "n"),
        Column(KS, "n"),
    ]
    with_columns, with_rows = any(one.baseline for one in found), any(map(_pair, own.values()))
    if with_columns:
        columns.append(Column(ALONE.format(holder=reading.facts.label_holder), "n"))
    if with_rows:
        columns.append(Column(OWN, "n"))
    return Table(columns=tuple(columns), rows=[_line(one, own, with_columns, with_rows) for one in found])


def _line(
    of: Evaluation, own: Mapping[tuple[str, str], OwnRowsEvaluation], with_columns: bool, with_rows: bool
) -> list[Cell]:
    joint = of.joint
    interval = BETWEEN.format(low=number(joint.auc_low), high=number(joint.auc_high))
    cells: list[Cell] = [
        of.model,
        frame_name(of.frame),
        count(joint.rows),
        number(joint.auc),
        interval,
        number(joint.ks),
    ]
    if with_columns:
        cells.append(number(of.baseline.auc) if of.baseline is not None else None)
    if with_rows:
        beside = own.get((of.model, of.frame))
        cells.append(_pair(beside) if beside is not None else None)
    return cells


def _pair(of: OwnRowsEvaluation) -> Text | None:
    if isinstance(of.own, ClassMeasures) and isinstance(of.joint, ClassMeasures):
        return PAIR.format(own=number(of.own.auc), joint=number(of.joint.auc))
    return None
