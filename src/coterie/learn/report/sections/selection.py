"""``select``: why each feature stayed or went."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.learn.report.blocks import Block, Cell, Detail, Note, Section, Table, columns_of
from coterie.learn.report.numbers import count, short
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text
from coterie.learn.select import Feature, Selection

__all__ = ["kept_features", "selection"]

STEP = T("Step {step}", "步骤 {step}")
TITLE = T("Selected features", "特征筛选")
SAYS = T(
    "{kept} of {all} features stay. A value is shown where the reader may see results of its kind.",
    "共 {all} 个特征，保留 {kept} 个。仅在读者有权查看相应结果时显示取值。",
)
FEATURE = T("Feature", "特征")
OWNER = T("Owner", "所有者")
FATE = T("Outcome", "结果")
REASON = T("Reason", "原因")
VALUE = T("Value", "取值")
THRESHOLD = T("Threshold", "阈值")
STAYS = T("<b>stays</b>", "<b>保留</b>")
GOES = T("goes", "剔除")
REASONS = {
    "chosen": T("chosen by the criteria", "符合筛选标准"),
    "keep": T("asked to stay", "指定保留"),
    "drop": T("asked to go", "指定剔除"),
    "low_iv": T("information value too low", "信息值 IV 过低"),
    "high_iv": T("information value suspiciously high", "信息值 IV 异常偏高"),
    "missing": T("too much is missing", "缺失率过高"),
    "correlated": T("correlates with {other}, which says more", "与信息量更高的 {other} 高度相关"),
    "inflated": T("variance inflation too high", "方差膨胀因子 VIF 过高"),
    "stepwise": T("not chosen step by step", "逐步回归未入选"),
    "most": T("others say more, and there is a most number", "超出数量上限，其他特征信息量更高"),
}


def _found(reading: Reading) -> tuple[tuple[str, Selection], ...]:
    return reading.documents("select", "selection", Selection)


def kept_features(reading: Reading) -> int | None:
    """How many stayed after the last selection; None where the reader was not told."""
    found = _found(reading)
    return sum(one.kept for one in found[-1][1].features) if found else None


def selection(reading: Reading) -> Section | None:
    """A table for each step: what stayed first."""
    blocks: list[Block] = []
    found = _found(reading)
    for step, document in found:
        features = sorted(document.features, key=lambda one: not one.kept)
        kept = sum(one.kept for one in features)
        said = Note(SAYS.format(kept=count(kept), all=count(len(features))))
        inner: tuple[Block, ...] = (said, _table(features))
        blocks += inner if len(found) == 1 else (Detail(STEP.format(step=step), inner),)
    return Section("selection", TITLE, tuple(blocks)) if blocks else None


def _table(features: list[Feature]) -> Table:
    judged = any(one.value is not None or one.threshold is not None for one in features)
    lines: list[Sequence[Cell]] = [
        (
            one.column,
            one.party,
            STAYS if one.kept else GOES,
            _reason(one),
            *(_numbers(one) if judged else ()),
        )
        for one in features
    ]
    columns = columns_of((FEATURE, OWNER, FATE, REASON), ("name", "keep", "keep", "soft"))
    more = columns_of((VALUE, THRESHOLD), ("n", "n")) if judged else ()
    return Table((*columns, *more), lines)


def _numbers(one: Feature) -> tuple[str | None, str | None]:
    value, threshold = (None if number is None else short(number) for number in (one.value, one.threshold))
    return value, threshold


def _reason(one: Feature) -> Text:
    return REASONS[one.reason].format(other=one.other or "–")
