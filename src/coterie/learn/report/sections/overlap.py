"""``overlap``: how many rows the parties have in common."""

from __future__ import annotations

from coterie.learn.overlap import OverlapCount
from coterie.learn.report.blocks import Block, Detail, Note, Table, columns_of
from coterie.learn.report.numbers import count, number
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text

__all__ = ["overlaps"]

TITLE = T("Rows in common", "共有样本")
PARTY = T("Party", "参与方")
ROWS = T("Rows", "样本数")
COMMON = T("In common", "共有")
NOISY = T(
    "The number has discrete Laplace noise for differential privacy with ε = {epsilon}; its standard "
    "deviation is {deviation}. Nobody knows how much it is.",
    "该数值含离散拉普拉斯噪声（差分隐私，ε = {epsilon}），标准差为 {deviation}；任何一方均不知噪声大小。",
)
EXACT = T(
    "The number is exact. Nobody was told which rows these are.",
    "该数值为精确值；未告知任何一方具体为哪些样本。",
)


def overlaps(reading: Reading) -> tuple[Block, ...]:
    """For each step: the parties' numbers of rows, and that of the common ones."""
    blocks: list[Block] = []
    for _, document in reading.documents("overlap", "profile", OverlapCount):
        lines: list[tuple[str | Text, str]] = [
            *((one.party, count(one.rows)) for one in document.datasets),
            (COMMON, count(document.common)),
        ]
        noise = EXACT
        if document.epsilon is not None and document.deviation is not None:
            noise = NOISY.format(epsilon=f"{document.epsilon:g}", deviation=number(document.deviation, 1))
        table = Table(columns_of((PARTY, ROWS), ("name", "n")), lines, narrow=True)
        blocks.append(Detail(TITLE, (table, Note(noise))))
    return tuple(blocks)
