"""``pca`` and ``kmeans``: what lies in the rows, without a label."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coterie.learn.kmeans import KmeansRecord
from coterie.learn.pca import PcaRecord
from coterie.learn.report.blocks import Bar, Block, Column, Detail, Figure, Figures, Key, Note, Section, Table
from coterie.learn.report.charts import Axis, Bars, Line, Plot, axis
from coterie.learn.report.numbers import count, number, percent, share, short
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text

__all__ = ["structure"]

TITLE = T("Structure of the rows", "样本结构")
STEP = T("step {step}", "步骤 {step}")
FEATURE = T("Feature", "特征")
OWNER = T("Owner", "所有者")
DRAWN = T("", "")
SHOWN = 8
"""Components or clusters side by side, and features below each other times ten: more are in the file."""

COMPONENTS = T("Principal components", "主成分")
OF_ROWS = T(
    "Of {rows} training rows. The first {kept} of {all} components have {share} of the variance of all "
    "features.",
    "基于 {rows} 个训练样本。前 {kept} 个主成分（共 {all} 个）解释了全部特征方差的 {share}。",
)
COMPONENT = T("Component", "主成分")
VARIANCE = T("Variance", "方差")
SHARE = T("Share", "占比")
CUMULATIVE = T("Cumulative", "累计占比")
SCREE = T("Share of the variance", "方差占比")
EACH = T("each", "单个")
TOGETHER = T("cumulative", "累计")
LOADINGS = T("Loadings: the part of each feature in a component.", "载荷：各特征在主成分中的权重。")

CLUSTERS = T("Clusters", "聚类")
FOUND = T(
    "{found} clusters among {rows} training rows; {asked} were looked for. Their centres account for {share} "
    "of the squared distances from the mean of all rows.",
    "在 {rows} 个训练样本中得到 {found} 个聚类（设定 {asked} 个）；"
    "类中心解释了样本到总体均值平方距离的 {share}。",
)
ENDED = T(
    "Centres moved no more after {iterations} iterations; inertia is {inertia}.",
    "经 {iterations} 次迭代后类中心不再移动；类内平方和为 {inertia}。",
)
UNENDED = T(
    "Centres were still moving after {iterations} iterations; inertia is {inertia}.",
    "{iterations} 次迭代后类中心仍在移动；类内平方和为 {inertia}。",
)
CLUSTER = T("Cluster", "聚类")
ROWS = T("Rows", "样本数")
CENTRES = T("Centres, in the features' units.", "类中心（以特征原单位表示）。")
MORE = T("{left} more are in the file.", "其余 {left} 项见结果文件。")


def structure(reading: Reading) -> Section | None:
    """Of every step that looked for any."""
    blocks: list[Block] = []
    for step, components in reading.documents("pca", "coefficients", PcaRecord):
        blocks.append(Detail(COMPONENTS, _components(components), STEP.format(step=step)))
    for step, clusters in reading.documents("kmeans", "coefficients", KmeansRecord):
        blocks.append(Detail(CLUSTERS, _clusters(clusters), STEP.format(step=step)))
    return Section("structure", TITLE, tuple(blocks)) if blocks else None


def _components(of: PcaRecord) -> tuple[Block, ...]:
    kept = of.components
    said = OF_ROWS.format(
        rows=count(of.rows),
        kept=count(len(kept)),
        all=count(len(of.variances)),
        share=percent(kept[-1].cumulative),
    )
    head = (Column(COMPONENT, "n"), Column(VARIANCE, "n"), Column(SHARE, "n"), Column(CUMULATIVE, "n"))
    lines = [
        (count(place), short(one.variance), percent(one.share), percent(one.cumulative), Bar(one.share))
        for place, one in enumerate(kept[: 10 * SHOWN], start=1)
    ]
    table = Table((*head, Column(DRAWN, "draw")), lines, _left(len(kept), 10 * SHOWN))
    columns = [one.loadings for one in kept]
    features = [(one.column, one.party) for one in of.features]
    return Note(said), Figures((_scree(of),)), table, _by_feature(features, columns, LOADINGS, number)


def _scree(of: PcaRecord) -> Figure:
    shown = of.variances[:20]
    whole = of.variance or 1.0
    shares = [(float(place), one / whole) for place, one in enumerate(shown, start=1)]
    sums = [(place, sum(one for _, one in shares[: round(place)])) for place, _ in shares]
    ticks = tuple((place, count(place)) for place, _ in shares)
    marks = (Bars(shares, "joint"), Line(sums, "alone", dots=True))
    plot = Plot(Axis(COMPONENT, 0.4, len(shown) + 0.6, ticks), axis(SCREE, 0.0, 1.0, share), marks)
    return Figure("", plot, None, (Key("joint", EACH), Key("alone", TOGETHER)))


def _clusters(of: KmeansRecord) -> tuple[Block, ...]:
    explained = 1 - of.inertia / of.spread if of.spread > 0 else 0.0
    said = FOUND.format(
        found=count(len(of.clusters)), rows=count(of.rows), asked=count(of.asked), share=percent(explained)
    )
    ended = (ENDED if of.converged else UNENDED).format(
        iterations=count(of.iterations), inertia=short(of.inertia)
    )
    most = max(one.rows for one in of.clusters)
    lines = [
        (count(one.number), count(one.rows), percent(one.rows / of.rows), Bar(one.rows / most))
        for one in of.clusters
    ]
    head = (Column(CLUSTER, "n"), Column(ROWS, "n"), Column(SHARE, "n"), Column(DRAWN, "draw"))
    features = [(one.column, one.party) for one in of.features]
    centres = [one.centre for one in of.clusters]
    return Note(said), Table(head, lines, ended), _by_feature(features, centres, CENTRES, short)


def _by_feature(
    features: Sequence[tuple[str, str]],
    columns: Sequence[Sequence[float]],
    said: Text,
    written: Callable[[float], str],
) -> Table:
    """Features by row, components or clusters by column."""
    head = [Column(FEATURE, "name"), Column(OWNER, "keep")]
    head += [Column(count(place), "n") for place in range(1, min(SHOWN, len(columns)) + 1)]
    lines = [
        (name, party, *(written(one[place]) for one in columns[:SHOWN]))
        for place, (name, party) in enumerate(features[: 10 * SHOWN])
    ]
    return Table(tuple(head), lines, _left(len(columns), SHOWN) or said)


def _left(found: int, shown: int) -> Text | None:
    return MORE.format(left=count(found - shown)) if found > shown else None
