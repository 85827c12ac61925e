"""What joining has gained the reader: the joint model beside one of its own rows alone, on its own rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coterie.learn.evaluate import ClassMeasures, NumberMeasures, OwnRowsEvaluation
from coterie.learn.report.blocks import Block, Cell, Column, Detail, Note, Section, Table
from coterie.learn.report.charts import Whisker
from coterie.learn.report.numbers import count, number, percent, short, signed
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.reading import Reading, document_of
from coterie.learn.report.texts import T, Text

__all__ = ["own_evaluations", "own_rows"]

TITLE = T("What joining gained {party}", "联合建模给 {party} 带来的提升")
MODEL = T("Model “{model}”", "模型“{model}”")
GAINED = T(
    "Joining gained {party} <b>{gain} AUC</b> on its own {rows} rows of: {frame}. The joint model reaches "
    "{joint}, a model of its {training} own training rows alone {own}. {verdict}",
    "在 {party} 自有的 {rows} 个样本（{frame}）上，联合建模使 AUC 变化 <b>{gain}</b>：联合模型为 {joint}，"
    "仅用其 {training} 个自有训练样本的模型为 {own}。{verdict}",
)
SURE = T(
    "That is more than chance explains (95% interval {low} to {high}).",
    "该提升超出随机波动可解释的范围（95% 置信区间 {low} 至 {high}）。",
)
LESS = T(
    "On these rows the own model is <b>better</b>, by more than chance explains (95% interval {low} to "
    "{high}).",
    "在这些样本上自有模型<b>更优</b>，且超出随机波动可解释的范围（95% 置信区间 {low} 至 {high}）。",
)
CHANCE = T(
    "<b>That may be chance</b> (95% interval {low} to {high}).",
    "<b>这一差异可能源于随机波动</b>（95% 置信区间 {low} 至 {high}）。",
)
NUMBERS = T(
    "Joining has brought {party} from {own} to <b>{joint}</b> in root mean squared error, on its own {rows} "
    "rows of: {frame}; a model of its {training} own training rows alone has the former. {verdict}",
    "在 {party} 自有的 {rows} 个样本（{frame}）上，联合建模使均方根误差由 {own} 变为 <b>{joint}</b>"
    "（前者为仅用其 {training} 个自有训练样本的模型）。{verdict}",
)
NO_OWN = T(
    "<b>{party} could not have trained this model alone</b>: {reason}. The joint model is measured on its "
    "own {rows} rows of: {frame}.",
    "<b>{party} 无法单独训练该模型</b>：{reason}。下表为联合模型在其自有 {rows} 个样本（{frame}）上的表现。",
)
NO_MEASURE = T(
    "What joining gained {party} cannot be measured on its own {rows} rows of: {frame}: {reason}. The joint "
    "model is measured on all parties' rows.",
    "无法在 {party} 自有的 {rows} 个样本（{frame}）上衡量联合建模的提升：{reason}。"
    "下表为联合模型在全部参与方样本上的表现。",
)
FEW_ROWS = T("they are too few", "样本过少")
ONE_LABEL = T("all of them have the same label", "样本标签全部相同")
FEW = T(
    "its {training} training rows are no more than the model has coefficients",
    "其 {training} 个训练样本不多于模型系数个数",
)
ONE = T("all its {training} training rows have the same label", "其 {training} 个训练样本标签全部相同")
CODE = T("its own training rows are refused with {code}", "其自有训练样本被拒绝（{code}）")
HOW = T(
    "The own model has the same algorithm and parameters. It was trained at {party} on the columns as the "
    "job has prepared them, and nothing of it was sent or kept; no other party is told of this chapter. "
    "Intervals of the AUC follow DeLong, DeLong and Clarke-Pearson (1988), those of the difference are "
    "paired.",
    "自有模型采用相同的算法与参数，在 {party} 本地用本任务处理后的数据列训练，未传输也未保存任何内容；"
    "其他参与方不会获知本章内容。AUC 置信区间采用 DeLong 等（1988）方法，差值为配对区间。",
)
OWN = T("own model, on own rows", "自有模型 · 自有样本")
JOINT = T("joint model, on own rows", "联合模型 · 自有样本")
EVERYWHERE = T("joint model, on all parties' rows", "联合模型 · 全部样本")
WHICH = T("Model and rows", "模型与样本")
ROWS = T("Rows", "样本数")
INTERVAL = T("AUC with its 95% interval", "AUC 及 95% 置信区间")
CLASSES: tuple[tuple[str, Text], ...] = (
    ("auc", T("AUC", "AUC")),
    ("ks", T("KS", "KS 值")),
    ("gini", T("Gini", "Gini 系数")),
    ("log_loss", T("Log-loss", "对数损失")),
    ("brier", T("Brier score", "Brier 分数")),
    ("calibration_error", T("Calibration error", "校准误差")),
)
OF_NUMBERS: tuple[tuple[str, Text], ...] = (
    ("rmse", T("RMSE", "均方根误差")),
    ("mae", T("MAE", "平均绝对误差")),
    ("r2", T("R²", "R²")),
    ("deviance", T("Deviance", "偏差")),
    ("deviance_explained", T("Deviance explained", "偏差解释率")),
)


def own_evaluations(reading: Reading) -> tuple[OwnRowsEvaluation, ...]:
    """What the reader was told of its own rows, in the order in which models were measured."""
    found = [one for one in reading.of("evaluate", "metrics") if one.document.get("about") == "own rows"]
    return tuple(document_of(one, OwnRowsEvaluation) for one in found)


def own_rows(reading: Reading) -> Section | None:
    """For each step that measured a model."""
    told = own_evaluations(reading)
    if not told:
        return None
    blocks: list[Block] = []
    for one in told:
        inside = (Note(_sentence(one), "lead"), _table(one))
        blocks += inside if len(told) == 1 else [Detail(MODEL.format(model=one.model), inside)]
    party = told[0].party
    return Section("own-rows", TITLE.format(party=party), (*blocks, Note(HOW.format(party=party))))


def _sentence(of: OwnRowsEvaluation) -> Text:
    said = {
        "party": of.party,
        "rows": count(of.rows),
        "frame": frame_name(of.frame),
        "training": count(of.training_rows),
    }
    if of.unmeasured:
        return NO_MEASURE.format(**said, reason=ONE_LABEL if of.unmeasured == "one" else FEW_ROWS)
    if of.own is None:
        reason = {"few": FEW, "one": ONE}.get(of.untrained, CODE)
        return NO_OWN.format(**said, reason=reason.format(training=said["training"], code=of.untrained))
    if isinstance(of.own, NumberMeasures) and isinstance(of.joint, NumberMeasures):
        verdict = _verdict(of.error_gain_low, of.error_gain_high, short)
        return NUMBERS.format(**said, own=short(of.own.rmse), joint=short(of.joint.rmse), verdict=verdict)
    assert isinstance(of.own, ClassMeasures)
    assert isinstance(of.joint, ClassMeasures)
    verdict = _verdict(of.auc_gain_low, of.auc_gain_high, signed)
    sides = {"own": number(of.own.auc), "joint": number(of.joint.auc)}
    return GAINED.format(**said, **sides, gain=signed(of.auc_gain), verdict=verdict)


def _verdict(low: float | None, high: float | None, shown: Callable[[float | None], str]) -> Text:
    if low is None or high is None:
        return CHANCE.format(low="–", high="–")
    text = SURE if low > 0 else LESS if high < 0 else CHANCE
    return text.format(low=shown(low), high=shown(high))


def _table(of: OwnRowsEvaluation) -> Table:
    lines = [
        (OWN, of.rows, of.own),
        (JOINT, of.rows, of.joint),
        (EVERYWHERE, of.all_rows, of.everywhere),
    ]
    kept = [(name, rows, one) for name, rows, one in lines if one is not None]
    if isinstance(of.everywhere, NumberMeasures):
        rows: list[Sequence[Cell]] = [
            (name, count(size), *(_shown(field, getattr(one, field)) for field, _ in OF_NUMBERS))
            for name, size, one in kept
        ]
        titles = tuple(Column(title, "n") for _, title in OF_NUMBERS)
        return Table((Column(WHICH, "strong"), Column(ROWS, "n"), *titles), rows)
    measured = [(name, size, one) for name, size, one in kept if isinstance(one, ClassMeasures)]
    scale = _scale([one for _, _, one in measured])
    rows = [
        (
            name,
            count(size),
            *(number(getattr(one, field)) for field, _ in CLASSES),
            Whisker(one.auc_low, one.auc, one.auc_high, scale, "alone" if name is OWN else "joint"),
        )
        for name, size, one in measured
    ]
    titles = (*(Column(title, "n") for _, title in CLASSES), Column(INTERVAL, "draw"))
    return Table((Column(WHICH, "strong"), Column(ROWS, "n"), *titles), rows)


def _scale(of: Sequence[ClassMeasures]) -> tuple[float, float]:
    """What the lines share, with room at either end."""
    low, high = min(one.auc_low for one in of), max(one.auc_high for one in of)
    room = 0.05 * ((high - low) or 1.0)
    return low - room, high + room


def _shown(field: str, value: float | None) -> str:
    return percent(value) if field == "deviance_explained" else short(value)
