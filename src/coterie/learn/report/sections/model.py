"""What training told: coefficients and their statistics, importance, loss."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from coterie.learn.component import Finding
from coterie.learn.report.blocks import Bar, Block, Column, Detail, Figure, Figures, Key, Section, Table
from coterie.learn.report.charts import Axis, Line, Plot, Whisker, axis
from coterie.learn.report.numbers import count, number, p_value, short
from coterie.learn.report.sections.bayes import bayes
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text, foreign

__all__ = ["model"]

Z95 = 1.959963984540054
TITLE = T("Model", "模型")
FEATURE = T("Feature", "特征")
OWNER = T("Owner", "所有者")
ESTIMATE = T("Coefficient", "系数")
ERROR = T("Standard error", "标准误")
LOW_HIGH = T("95% interval", "95% 置信区间")
DRAWN = T("", "")
INTERCEPT = T("(intercept)", "（截距）")
COEFFICIENTS = T("Coefficients", "系数")
STEP = T("step {step}", "步骤 {step}")
CAPTION = T(
    "The dot is the estimate, the line its 95% interval, the upright line nought. Scale: {low} to {high}.",
    "圆点为估计值，横线为 95% 置信区间，竖线为零。刻度：{low} 至 {high}。",
)
OF_SCALED = T(
    "Coefficients are of the features as they come to the model: where steps before it scale or bin them, of "
    "what these make.",
    "系数对应进入模型时的特征值；若前序步骤对特征做了标准化或分箱编码，则对应处理后的取值。",
)
FIT_HEAD = (T("Fit", "拟合"), T("Value", "取值"))
FIT = {
    "family": T("Family", "分布族"),
    "rows": T("Rows", "样本数"),
    "residual_degrees_of_freedom": T("Residual degrees of freedom", "残差自由度"),
    "deviance": T("Deviance", "偏差"),
    "null_deviance": T("Deviance of the model without features", "空模型偏差"),
    "pearson_chi_square": T("Pearson chi-square", "Pearson 卡方"),
    "dispersion": T("Dispersion", "离散参数"),
    "log_likelihood": T("Log-likelihood", "对数似然"),
    "aic": T("AIC", "AIC"),
}
FAMILIES = {
    "linear": T("linear", "线性"),
    "logistic": T("logistic", "逻辑回归"),
    "poisson": T("Poisson", "泊松"),
    "gamma": T("gamma", "伽马"),
    "tweedie": T("Tweedie", "Tweedie"),
}
LOSS = T("Loss while training", "训练损失")
LOOK = T("look", "检查次数")
MEAN_LOSS = T("mean loss", "平均损失")
SERIES = {
    "train": T("training rows", "训练样本"),
    "training": T("training rows", "训练样本"),
    "validation": T("rows held back", "留出样本"),
    "held_out": T("rows held back", "留出样本"),
}
IMPORTANCE = T("Importance of features", "特征重要性")
GAIN = T("Gain", "增益")
COVER = T("Cover", "覆盖度")
SPLITS = T("Splits", "分裂次数")
ELSEWHERE = ("pca", "kmeans", "naive_bayes")
"""Whose coefficients are written in another way."""
SHARE = T("Mean share in scores", "评分平均贡献")

Line_ = tuple[str | None, str | Text, float | None, float | None, float | None]
"""Owner, feature, estimate, standard error, p."""


def model(reading: Reading) -> Section | None:
    """Of every step that trained one."""
    blocks: list[Block] = []
    with_statistics = {one.step for one in reading.findings if one.kind == "statistics"}
    for finding in reading.findings:
        if finding.kind == "statistics":
            blocks.append(_detail(COEFFICIENTS, finding, _statistics(finding)))
        elif finding.component in ELSEWHERE and finding.kind == "coefficients":
            continue
        elif finding.kind == "coefficients" and finding.step not in with_statistics:
            blocks.append(_detail(COEFFICIENTS, finding, (_coefficients(list(_plain(finding.document))),)))
        elif finding.kind == "importance":
            blocks.append(_detail(IMPORTANCE, finding, (_importance(finding.document),)))
        elif finding.kind == "loss" and len(_histories(finding.document)) > 0:
            blocks.append(_detail(LOSS, finding, (_loss(finding.document),)))
    blocks += bayes(reading)
    return Section("model", TITLE, tuple(blocks)) if blocks else None


def _detail(title: Text, finding: Finding, blocks: tuple[Block, ...]) -> Detail:
    return Detail(title, blocks, STEP.format(step=f"{finding.step} ({finding.component})"))


def _plain(document: Mapping[str, Any]) -> Iterable[Line_]:
    """By owner and column; of a model on hidden rows one after another, with their units."""
    listed = document["coefficients"]
    if isinstance(listed, Mapping):
        listed = (
            {"party": owner, "column": name, "coefficient": value}
            for owner, columns in listed.items()
            for name, value in columns.items()
        )
    for one in listed:
        yield one["party"], one["column"], one["coefficient"], None, None
    if document["intercept"] is not None:
        yield None, INTERCEPT, document["intercept"], None, None


def _statistics(finding: Finding) -> tuple[Block, ...]:
    document = finding.document
    lines: list[Line_] = [
        (owner, name, one["estimate"], one["standard_error"], one["p"])
        for owner, columns in document["coefficients"].items()
        for name, one in columns.items()
    ]
    if document["intercept"] is not None:
        one = document["intercept"]
        lines.append((None, INTERCEPT, one["estimate"], one["standard_error"], one["p"]))
    fit = [(name, _shown(value)) for field, name in FIT.items() if (value := document.get(field)) is not None]
    columns = (Column(FIT_HEAD[0]), Column(FIT_HEAD[1], "n"))
    return _coefficients(lines), Table(columns, fit, narrow=True)


def _shown(value: float | str) -> Text | str:
    if isinstance(value, str):
        return FAMILIES.get(value, value)
    return short(value) if isinstance(value, float) else count(value)


def _coefficients(lines: list[Line_]) -> Table:
    """With intervals drawn where there are errors; bars where there are none."""
    head = [Column(FEATURE, "name"), Column(OWNER, "keep"), Column(ESTIMATE, "n")]
    spans = [
        (value - Z95 * error, value + Z95 * error)
        for _, _, value, error, _ in lines
        if value is not None and error is not None
    ]
    if not spans:
        most = max(
            (abs(value) for owner, _, value, _, _ in lines if value is not None and owner), default=1.0
        )
        rows = [
            (name, owner, number(value), _bar(value, most) if owner else "")
            for owner, name, value, _, _ in lines
        ]
        return Table((*head, Column(DRAWN, "draw")), rows, OF_SCALED)
    inner = [
        (value - Z95 * error, value + Z95 * error)
        for owner, _, value, error, _ in lines
        if owner and value is not None and error is not None
    ] or spans
    scale = (min(0.0, *(low for low, _ in inner)), max(0.0, *(high for _, high in inner)))
    rows = [_with_interval(line, scale) for line in lines]
    head += [Column(ERROR, "n"), Column(LOW_HIGH, "n"), Column("p", "n"), Column(DRAWN, "draw")]
    return Table(tuple(head), rows, CAPTION.format(low=short(scale[0]), high=short(scale[1])))


def _bar(value: float | None, most: float) -> Bar | None:
    if value is None or not most:
        return None
    return Bar(abs(value) / most, "joint" if value >= 0 else "alone")


def _with_interval(line: Line_, scale: tuple[float, float]) -> tuple[Any, ...]:
    owner, name, value, error, p = line
    if value is None or error is None:
        return name, owner, number(value), number(error), None, p_value(p), ""
    low, high = value - Z95 * error, value + Z95 * error
    drawn: Whisker | str = ""
    if scale[0] <= value <= scale[1]:
        drawn = Whisker(low, value, high, scale, "alone" if value < 0 else "joint")
    return (
        name,
        owner,
        number(value),
        number(error),
        f"[{number(low, 3)}, {number(high, 3)}]",
        p_value(p),
        drawn,
    )


def _importance(document: Mapping[str, Any]) -> Table:
    lines = [
        (owner, name, one) for owner, columns in document["columns"].items() for name, one in columns.items()
    ]
    shares = any("mean_abs_shap" in one for _, _, one in lines)
    key = "mean_abs_shap" if shares else "gain"
    lines.sort(key=lambda line: (-line[2][key], line[0], line[1]))
    most = max((one[key] for _, _, one in lines), default=0.0) or 1.0
    measured = [("gain", GAIN), ("cover", COVER), ("splits", SPLITS), ("mean_abs_shap", SHARE)]
    shown = [(field, title) for field, title in measured if any(field in one for _, _, one in lines)]
    rows = [
        (name, owner, *(short(one.get(field)) for field, _ in shown), Bar(one[key] / most))
        for owner, name, one in lines
    ]
    head = (Column(FEATURE, "name"), Column(OWNER, "keep"), *(Column(title, "n") for _, title in shown))
    return Table((*head, Column(DRAWN, "draw")), rows)


def _histories(document: Mapping[str, Any]) -> list[tuple[str, list[float]]]:
    """Series of losses by name, whatever trained."""
    loss = document.get("loss")
    found = loss.items() if isinstance(loss, Mapping) else [("train", loss)]
    return [
        (name, [float(one) for one in series if isinstance(one, int | float) and math.isfinite(one)])
        for name, series in found
        if isinstance(series, list | tuple) and len(series) > 1
    ]


def _loss(document: Mapping[str, Any]) -> Figures:
    series = _histories(document)
    values = [one for _, points in series for one in points] or [0.0, 1.0]
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.5
    longest = max((len(points) for _, points in series), default=1)
    styles = ("joint", "alone")
    marks = tuple(
        Line(tuple(enumerate(points, 1)), style) for (_, points), style in zip(series, styles, strict=False)
    )
    keys = tuple(
        Key(style, SERIES.get(name, foreign(name))) for (name, _), style in zip(series, styles, strict=False)
    )
    x = axis(LOOK, 1, max(2, longest), count)
    whole = Axis(x.title, x.low, x.high, tuple(one for one in x.ticks if float(one[0]).is_integer()))
    plot = Plot(whole, axis(MEAN_LOSS, low - room, high + room, short), marks)
    return Figures((Figure("", plot, None, keys),))
