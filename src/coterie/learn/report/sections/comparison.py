"""``compare``: the joint model against another score on the same rows."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.learn.compare import Comparison, Difference, Exchange, Outcome, SwapCell, SwapSet
from coterie.learn.report.blocks import Block, Cell, Column, Detail, Note, Section, Table, columns_of
from coterie.learn.report.numbers import count, number, p_value, percent, signed
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text, foreign

__all__ = ["comparison"]

TITLE = T("Comparison", "模型对比")
ON = T(
    "“{first}” against “{second}” on the same {rows} rows of: {frame}, {positives} with label 1.",
    "“{first}”对比“{second}”，{frame}的相同 {rows} 个样本，其中标签为 1 的 {positives} 个。",
)
ALONE = T("own columns alone", "仅自有数据模型")
MEASURE = T("Measure", "指标")
DIFFERENCE = T("Difference", "差值")
INTERVAL = T("95% interval", "95% 置信区间")
SIDES = (
    ("auc", T("AUC (DeLong test)", "AUC（DeLong 检验）")),
    ("gini", T("Gini", "Gini 系数")),
    ("ks", T("KS", "KS 值")),
    ("brier", T("Brier score", "Brier 分数")),
)
CLASSES = T("Reclassification", "风险重分类")
NRI = T("Net reclassification improvement", "净重分类改善 NRI")
NRI_FREE = T("The same without classes", "连续 NRI")
IDI = T("Integrated discrimination improvement", "综合判别改善 IDI")
NRI_ONES = T("of it, rows with 1 that go up less those that go down", "其中：坏样本上调减下调占比")
NRI_ZEROS = T("of it, rows with 0 that go down less those that go up", "其中：好样本下调减上调占比")
VALUE = T("Value", "取值")
CUTS = T("Classes begin at the probabilities {cuts}.", "风险等级起点概率：{cuts}。")
SWAP = T("Swap set at {approval} approved", "置换集（通过率 {approval}）")
SWAP_SAYS = T(
    "Rows that either score approves where both approve the same share: a good swap lets in rows of a "
    "lower default "
    "rate than it leaves out.",
    "在相同通过率下两个评分的通过客群差异：换入客群的违约率应低于换出客群。",
)
GROUP = T("Rows", "客群")
NUMBER = T("Number", "样本数")
POSITIVES = T("With label 1", "坏样本")
RATE = T("Default rate", "违约率")
BOTH = T("approved by both", "均通过")
IN = T("swapped in: by “{first}” alone", "换入：仅“{first}”通过")
OUT = T("swapped out: by “{second}” alone", "换出：仅“{second}”通过")
NEITHER = T("by neither", "均不通过")
EQUAL_APPROVAL = T("Default rate and loss at equal approval", "相同通过率下的违约率与损失")
EQUAL_RISK = T("Approval at equal risk", "相同风险下的通过率")
APPROVAL = T("Approval", "通过率")
MOST = T("Default rate at most", "违约率上限")
RATE_OF = T("Default rate, {name}", "违约率（{name}）")
LOSS_OF = T("Loss, {name}", "损失（{name}）")
PROFIT_OF = T("Profit, {name}", "收益（{name}）")
APPROVAL_OF = T("Approval, {name}", "通过率（{name}）")
LESS_LOSS = T("Less loss", "损失减少")
MORE_APPROVAL = T("More approved", "通过率提升")
MORE_PROFIT = T("More profit", "收益提升")
MONEY = T(
    "Loss given default {loss}, margin {margin}, exposure {exposure}.",
    "违约损失率 {loss}，利差 {margin}，敞口：{exposure}。",
)
POINTS = T("{value} pp", "{value} 个百分点")
ONE_EACH = T("1 for every row", "每户为 1")


def comparison(reading: Reading) -> Section | None:
    """For each step: measures, reclassification, swap set, money."""
    blocks: list[Block] = []
    for _, of in reading.documents("compare", "metrics", Comparison):
        first, second = _name(of.first.name), _name(of.second.name)
        said = ON.format(
            first=first,
            second=second,
            rows=count(of.rows),
            frame=frame_name(of.frame),
            positives=count(of.positives),
        )
        blocks += [Note(said), _sides(of, first, second), Detail(CLASSES, _reclassified(of))]
        if of.swap is not None:
            title = SWAP.format(approval=percent(of.swap.approval))
            blocks.append(Detail(title, (_swap(of.swap, first, second), Note(SWAP_SAYS))))
        if of.at_equal_approval:
            table = _at_approval(of.at_equal_approval, first, second)
            blocks.append(Detail(EQUAL_APPROVAL, (table, _money(of))))
        if of.at_equal_bad_rate:
            blocks.append(Detail(EQUAL_RISK, (_at_risk(of.at_equal_bad_rate, first, second),)))
    return Section("comparison", TITLE, tuple(blocks)) if blocks else None


def _name(name: str) -> Text:
    return ALONE if name == "own columns alone" else foreign(name)


def _interval(of: Difference) -> str:
    return f"[{signed(of.low)}, {signed(of.high)}]"


def _sides(of: Comparison, first: Text, second: Text) -> Table:
    lines: list[Sequence[Cell]] = []
    for field, title in SIDES:
        mine, other = float(getattr(of.first, field)), float(getattr(of.second, field))
        tested = (_interval(of.auc), p_value(of.auc.p_value)) if field == "auc" else ("", "")
        lines.append((title, number(mine), number(other), signed(mine - other), *tested))
    titles = (MEASURE, first, second, DIFFERENCE, INTERVAL, "p")
    styles = ("strong", "n", "n", "n", "n", "n")
    return Table(columns_of(titles, styles), lines)


def _reclassified(of: Comparison) -> tuple[Block, ...]:
    found = of.reclassification
    lines: list[Sequence[Cell]] = [
        (NRI, signed(found.nri.difference), _interval(found.nri), p_value(found.nri.p_value)),
        (NRI_ONES, signed(found.nri_positives), "", ""),
        (NRI_ZEROS, signed(found.nri_negatives), "", ""),
        (
            NRI_FREE,
            signed(found.nri_continuous.difference),
            _interval(found.nri_continuous),
            p_value(found.nri_continuous.p_value),
        ),
        (IDI, signed(found.idi.difference), _interval(found.idi), p_value(found.idi.p_value)),
    ]
    columns = (Column(MEASURE), Column(VALUE, "n"), Column(INTERVAL, "n"), Column("p", "n"))
    table = Table(columns, lines, narrow=True)
    if not found.cut_offs:
        return (table,)
    return (table, Note(CUTS.format(cuts=", ".join(percent(one) for one in found.cut_offs))))


def _swap(of: SwapSet, first: Text, second: Text) -> Table:
    def line(name: Text, cell: SwapCell) -> Sequence[Cell]:
        return (name, count(cell.rows), count(cell.positives), percent(cell.rate, 2))

    lines = [
        line(BOTH, of.both),
        line(IN.format(first=first), of.swapped_in),
        line(OUT.format(second=second), of.swapped_out),
        line(NEITHER, of.neither),
    ]
    columns = (Column(GROUP), Column(NUMBER, "n"), Column(POSITIVES, "n"), Column(RATE, "n"))
    return Table(columns, lines, narrow=True)


def _at_approval(found: tuple[Exchange, ...], first: Text, second: Text) -> Table:
    lines: list[Sequence[Cell]] = []
    for one in found:
        rates = [None if side is None else percent(side.bad_rate, 2) for side in (one.first, one.second)]
        losses = [None if side is None else count(side.loss) for side in (one.first, one.second)]
        lines.append((percent(one.target), *rates, *losses, _less(one), *(_profit(one.first, one.second))))
    named = [words.format(name=side) for words in (RATE_OF, LOSS_OF) for side in (first, second)]
    titles = (APPROVAL, *named, LESS_LOSS, PROFIT_OF.format(name=first), MORE_PROFIT)
    return Table(tuple(Column(title, "n") for title in titles), lines)


def _less(one: Exchange) -> str | None:
    if one.first is None or one.second is None:
        return None
    return signed(one.second.loss - one.first.loss, 0)


def _profit(first: Outcome | None, second: Outcome | None) -> tuple[str | None, str | None]:
    if first is None:
        return None, None
    return count(first.profit), None if second is None else signed(first.profit - second.profit, 0)


def _at_risk(found: tuple[Exchange, ...], first: Text, second: Text) -> Table:
    lines: list[Sequence[Cell]] = []
    for one in found:
        sides = [None if side is None else percent(side.approval, 2) for side in (one.first, one.second)]
        more: Text | None = None
        if one.first is not None and one.second is not None:
            more = POINTS.format(value=signed(100 * (one.first.approval - one.second.approval), 2))
        lines.append((percent(one.target, 2), *sides, more))
    titles = (MOST, APPROVAL_OF.format(name=first), APPROVAL_OF.format(name=second), MORE_APPROVAL)
    return Table(tuple(Column(title, "n") for title in titles), lines, narrow=True)


def _money(of: Comparison) -> Note:
    exposure = ONE_EACH if of.exposure is None else foreign(of.exposure)
    return Note(
        MONEY.format(loss=percent(of.loss_given_default), margin=percent(of.margin, 2), exposure=exposure)
    )
