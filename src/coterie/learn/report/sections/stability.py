"""``stability``: whether the rows of one sample are like those of another."""

from __future__ import annotations

from coterie.learn.report.blocks import (
    Bar,
    Block,
    Detail,
    Figure,
    Figures,
    Key,
    Note,
    Section,
    Table,
    columns_of,
)
from coterie.learn.report.charts import Axis, Bars, Plot, axis
from coterie.learn.report.numbers import count, number, percent, share
from coterie.learn.report.sections.job import frame_name
from coterie.learn.report.sections.labels import bin_label
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text
from coterie.learn.stability import Stability, StabilityBin

__all__ = ["stability"]

TITLE = T("Stability", "稳定性")
SAYS = T(
    "Now: {frame} ({rows}). Before: {base} ({base_rows}). A population stability index below 0.1 is "
    "stable, from "
    "0.25 the population has changed.",
    "当前：{frame}（{rows}）；基准：{base}（{base_rows}）。群体稳定性指数 PSI 低于 0.1 为稳定，"
    "0.25 及以上表示客群已显著变化。",
)
SCORE = T("Score", "评分")
PSI_OF = T("PSI {psi} · {word}", "PSI {psi} · {word}")
STABLE = T("stable", "稳定")
MOVED = T("to be watched", "需关注")
CHANGED = T("changed", "显著变化")
BIN = T("Bin", "分箱")
BASE_SHARE = T("Share before", "基准占比")
SHARE = T("Share now", "当前占比")
BASE_ROWS = T("Rows before", "基准样本数")
ROWS = T("Rows now", "当前样本数")
PSI = T("PSI", "PSI")
NUMBER = T("bin, lowest first", "分箱（由低到高）")
PART = T("share of rows", "样本占比")
FEATURES = T("Features", "特征稳定性")
FEATURE = T("Feature", "特征")
OWNER = T("Owner", "所有者")
BINS = T("Bins", "分箱数")
VERDICT = T("Verdict", "判断")


def _word(psi: float) -> Text:
    return STABLE if psi < 0.1 else MOVED if psi < 0.25 else CHANGED


def stability(reading: Reading) -> Section | None:
    """The score's index and bins, the features' indices, bins of own features."""
    blocks: list[Block] = []
    for _, document in reading.documents("stability", "metrics", Stability):
        said = SAYS.format(
            frame=frame_name(document.frame),
            base=frame_name(document.base),
            rows=count(document.rows),
            base_rows=count(document.base_rows),
        )
        blocks.append(Note(said))
        if document.score is not None:
            blocks.append(_score(document))
        if document.features:
            blocks.append(_features(document))
        blocks += [
            Detail(f"{one.party}.{one.column}", (_bins(one.shown),), _remark(one.psi))
            for one in document.features
            if one.shown
        ]
    return Section("stability", TITLE, tuple(blocks)) if blocks else None


def _remark(psi: float) -> Text:
    return PSI_OF.format(psi=number(psi), word=_word(psi))


def _score(document: Stability) -> Detail:
    assert document.score is not None  # asked before
    bins = document.score.bins
    inner: tuple[Block, ...] = (_plot(bins), _bins(bins)) if bins else ()
    return Detail(SCORE, inner, _remark(document.score.psi))


def _plot(bins: tuple[StabilityBin, ...]) -> Figures:
    places = range(1, len(bins) + 1)
    before = tuple((place, one.base_share) for place, one in zip(places, bins, strict=True))
    now = tuple((place, one.share) for place, one in zip(places, bins, strict=True))
    top = 1.08 * max(height for _, height in (*before, *now)) or 1.0
    every = max(1, len(bins) // 20)
    x = Axis(NUMBER, 0.4, len(bins) + 0.6, tuple((n, str(n)) for n in places if n % every == 0 or every == 1))
    marks = (Bars(before, "quiet", 0.36, -0.19), Bars(now, "joint", 0.36, 0.19))
    plot = Plot(x, axis(PART, 0, top, share), marks, height=260)
    keys = (Key("block", BASE_SHARE), Key("block strong", SHARE))
    return Figures((Figure("", plot, None, keys),))


def _bins(bins: tuple[StabilityBin, ...]) -> Table:
    most = max((one.psi for one in bins), default=0.0) or 1.0
    lines = [
        (
            place,
            bin_label(one.label),
            count(one.base_rows),
            count(one.rows),
            percent(one.base_share),
            percent(one.share),
            number(one.psi),
            Bar(one.psi / most),
        )
        for place, one in enumerate(bins, 1)
    ]
    titles = (T("#", "序号"), BIN, BASE_ROWS, ROWS, BASE_SHARE, SHARE, PSI, T("", ""))
    styles = ("n", "name", "n", "n", "n", "n", "n", "draw")
    return Table(columns_of(titles, styles), lines)


def _features(document: Stability) -> Detail:
    ranked = sorted(document.features, key=lambda one: (-one.psi, one.party, one.column))
    lines = [
        (one.column, one.party, one.bins, number(one.psi), Bar(min(1.0, one.psi / 0.5)), _word(one.psi))
        for one in ranked
    ]
    titles = (FEATURE, OWNER, BINS, PSI, T("", ""), VERDICT)
    styles = ("name", "keep", "n", "n", "draw", "soft")
    return Detail(FEATURES, (Table(columns_of(titles, styles), lines),))
