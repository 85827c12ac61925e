"""``naive_bayes``: what each feature by itself says of the label."""

from __future__ import annotations

import math

from coterie.learn.naive_bayes import BayesFeature, BayesRecord
from coterie.learn.report.blocks import Bar, Block, Column, Detail, Note, Table
from coterie.learn.report.numbers import count, number, percent, short, signed
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text

__all__ = ["bayes"]

TITLE = T("Features by label", "按标签的特征分布")
STEP = T("step {step}", "步骤 {step}")
LEARNT = T(
    "Of {negatives} training rows with label 0 and {positives} with label 1; before anything is known of a "
    "row, label 1 has probability {prior}.",
    "基于 {negatives} 个标签为 0、{positives} 个标签为 1 的训练样本；标签 1 的先验概率为 {prior}。",
)
FEATURE = T("Feature", "特征")
OWNER = T("Owner", "所有者")
MEAN_0 = T("Mean, label 0", "均值（标签 0）")
MEAN_1 = T("Mean, label 1", "均值（标签 1）")
STD_0 = T("Std, label 0", "标准差（标签 0）")
STD_1 = T("Std, label 1", "标准差（标签 1）")
APART = T("Distance", "距离")
DISTANCE = T(
    "Distance: between the means, in units of the root of the mean variance.",
    "距离：两类均值之差，以平均方差的平方根为单位。",
)
CATEGORY = T("Category", "类别")
SHARE_0 = T("Share of label 0", "标签 0 中占比")
SHARE_1 = T("Share of label 1", "标签 1 中占比")
EVIDENCE = T("Evidence", "证据权重")
WEIGHT = T(
    "Evidence: logarithm of the second share over the first; above 0 it speaks for label 1.",
    "证据权重：两占比之比的对数；大于 0 时支持标签 1。",
)
OTHERS = T("(all others)", "（其他）")
DRAWN = T("", "")
LABEL = T("label {value}", "标签 {value}")
MEAN = T("(mean)", "（均值）")
ROWS = T("Rows", "样本数")
MORE = T("{left} more label values are in the file.", "其余 {left} 个标签值见结果文件。")
SHOWN = 10
"""Label values in a table."""


def bayes(reading: Reading) -> tuple[Block, ...]:
    """Of every step that trained such a model."""
    return tuple(
        Detail(TITLE, _tables(record), STEP.format(step=f"{step} (naive_bayes)"))
        for step, record in reading.documents("naive_bayes", "coefficients", BayesRecord)
    )


def _tables(of: BayesRecord) -> tuple[Block, ...]:
    if len(of.rows) > 2:
        return (_classes(of),)
    negatives, positives = map(count, of.rows)
    said = LEARNT.format(negatives=negatives, positives=positives, prior=percent(of.priors[1], 2))
    blocks: list[Block] = [Note(said)]
    if numbers := [one for one in of.features if one.means is not None]:
        blocks.append(_numbers(numbers))
    if categorical := [one for one in of.features if one.categories is not None]:
        blocks.append(_categories(categorical))
    return tuple(blocks)


def _classes(of: BayesRecord) -> Table:
    """Label values side by side, the first ones."""
    rows: list[tuple[str | Text, ...]] = [(ROWS, "", *(count(one) for one in of.rows[:SHOWN]))]
    for one in of.features:
        if one.means is not None:
            rows.append((one.column, MEAN, *(short(mean) for mean in one.means[:SHOWN])))
        for category in one.categories or ():
            name: str | Text = OTHERS if category.name is None else category.name
            rows.append((one.column, name, *(percent(share) for share in category.shares[:SHOWN])))
    head = [Column(FEATURE, "name"), Column(CATEGORY, "name")]
    head += [Column(LABEL.format(value=count(value)), "n") for value in range(min(SHOWN, len(of.rows)))]
    left = len(of.rows) - SHOWN
    return Table(tuple(head), rows, MORE.format(left=count(left)) if left > 0 else None)


def _numbers(features: list[BayesFeature]) -> Table:
    lines = []
    for one in features:
        assert one.means is not None
        assert one.variances is not None
        distance = (one.means[1] - one.means[0]) / math.sqrt(sum(one.variances) / 2)
        stds = tuple(math.sqrt(variance) for variance in one.variances)
        lines.append((one, stds, distance))
    most = max(abs(distance) for *_, distance in lines) or 1.0
    lines.sort(key=lambda line: -abs(line[2]))
    titles = (MEAN_0, MEAN_1, STD_0, STD_1, APART)
    head = (Column(FEATURE, "name"), Column(OWNER, "keep"), *(Column(title, "n") for title in titles))
    rows: list[tuple[str | Bar, ...]] = [
        (
            one.column,
            one.party,
            *(short(mean) for mean in one.means or ()),
            *(short(std) for std in stds),
            signed(distance, 2),
            _bar(distance, most),
        )
        for one, stds, distance in lines
    ]
    return Table((*head, Column(DRAWN, "draw")), rows, DISTANCE)


def _categories(features: list[BayesFeature]) -> Table:
    rows: list[tuple[str | Text | Bar, ...]] = []
    weights = [
        math.log(category.shares[1] / category.shares[0])
        for one in features
        for category in one.categories or ()
    ]
    most = max(map(abs, weights), default=0.0) or 1.0
    following = iter(weights)
    for one in features:
        for category in one.categories or ():
            weight = next(following)
            name: str | Text = OTHERS if category.name is None else category.name
            shares = tuple(number(100 * share, 2) + "%" for share in category.shares)
            rows.append((one.column, one.party, name, *shares, signed(weight, 3), _bar(weight, most)))
    titles = (SHARE_0, SHARE_1, EVIDENCE)
    head = (Column(FEATURE, "name"), Column(OWNER, "keep"), Column(CATEGORY, "name"))
    return Table((*head, *(Column(title, "n") for title in titles), Column(DRAWN, "draw")), rows, WEIGHT)


def _bar(value: float, most: float) -> Bar:
    return Bar(abs(value) / most, "joint" if value >= 0 else "alone")
