"""``evaluate`` of a label of several classes."""

from __future__ import annotations

from coterie.learn.evaluate import SeveralEvaluation
from coterie.learn.report.blocks import Block, Column, Note, Table, columns_of
from coterie.learn.report.numbers import count, number, percent
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.performance import MEASURE, VALUE
from coterie.learn.report.texts import T, foreign

__all__ = ["of_several"]

ON = T(
    "Model “{model}” on the {rows} rows of: {frame}.",
    "模型“{model}”在{frame}上的表现，共 {rows} 个样本。",
)
ACCURACY = T("Accuracy", "准确率")
INTERVAL = T("its 95 % interval", "准确率的 95% 置信区间")
LOSS = T("Log-loss", "对数损失")
HEAD = (T("Label", "标签"), T("Rows", "样本数"), T("Recall", "召回率"), T("Precision", "精确率"))
STYLES = ("name", "n", "n", "n")
CONFUSION = T("Rows by label and by the class that they are taken for", "按真实类别与预测类别统计的样本数")
LABEL = T("Label", "标签")
FEW = T(
    "Figures of fewer rows than the smallest group are not told.",
    "样本数少于最小分组的数值不予披露。",
)
WIDE = 12
"""Classes of which all pairs are shown."""


def of_several(of: SeveralEvaluation) -> tuple[Block, ...]:
    """Accuracy and loss; recall and precision by class; who is taken for whom."""
    said = ON.format(model=of.model, rows=count(of.rows), frame=frame_name(of.frame))
    interval = f"{percent(of.accuracy_low, 2)} – {percent(of.accuracy_high, 2)}"
    lines = (
        (ACCURACY, percent(of.accuracy, 2)),
        (INTERVAL, interval),
        (LOSS, number(of.log_loss, 4)),
    )
    blocks: list[Block] = [
        Note(said),
        Table((Column(MEASURE, "strong"), Column(VALUE, "n")), lines, narrow=True),
    ]
    by_class = [
        (
            str(one.label),
            None if one.rows is None else count(one.rows),
            None if one.recall is None else percent(one.recall, 1),
            None if one.precision is None else percent(one.precision, 1),
        )
        for one in of.classes
    ]
    blocks.append(Table(columns_of(HEAD, STYLES), by_class))
    if len(of.confusion) <= WIDE:
        names = tuple(Column(foreign(str(place)), "n") for place in range(len(of.confusion)))
        cells = [
            (str(place), *(None if one is None else count(one) for one in row))
            for place, row in enumerate(of.confusion)
        ]
        blocks.append(Table((Column(LABEL, "name"), *names), cells, caption=CONFUSION))
    return (*blocks, Note(FEW))
