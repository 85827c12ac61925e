"""Differential privacy of the job: what each step with noise has cost, and all of them together."""

from __future__ import annotations

from coterie.learn.private import budget_of, stated_privacy
from coterie.learn.report.blocks import Column, Note, Section, Table
from coterie.learn.report.numbers import count, short
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.texts import T, Text

__all__ = ["private"]

TITLE = T("Differential privacy", "差分隐私")
STEP = T("Step", "步骤")
UNIT = T("Hides", "保护对象")
EPSILON = T("Epsilon", "隐私参数 ε")
DELTA = T("at delta", "对应的 δ")
MULTIPLIER = T("Noise multiplier", "噪声倍数")
CLIP = T("Clipped to", "裁剪范数")
SAMPLING = T("Sampled", "抽样率")
TIMES = T("Sums", "求和次数")
UNITS = {
    "record": T("each record", "每条记录"),
    "party": T("each party", "每个参与方"),
}
NOTE = T(
    "Distributed discrete Gaussian: every party adds its share of the noise before sums are masked, and the "
    "shares of {honest} honest parties are enough. What the steps have cost together, at the largest of "
    "these deltas, for a record: epsilon {epsilon}. The agreement's budget, where there is one, counts other "
    "jobs, too.",
    "分布式离散高斯机制：各参与方在求和掩码之前加入各自的噪声份额，{honest} 个诚实参与方的份额即已足够。"
    "各步骤合计（取上述最大的 δ，对单条记录）：ε = {epsilon}。协议中的隐私预算（如有）还计入其他任务。",
)


def private(reading: Reading) -> Section | None:
    """None where no step has noise."""
    plans = [plan for plan in reading.facts.plans if any(total.noise for total in plan.totals)]
    if not plans:
        return None
    lines: list[tuple[str | Text, ...]] = []
    for plan in plans:
        stated = stated_privacy(plan)
        for total in stated["totals"]:
            lines.append(
                (
                    plan.step,
                    UNITS[stated["unit"]],
                    short(stated["epsilon"]),
                    short(stated["delta"]),
                    short(total["noise_multiplier"]),
                    short(total["clip"]),
                    short(total["sampling"]),
                    count(total["times"]),
                )
            )
    numbers = (EPSILON, DELTA, MULTIPLIER, CLIP, SAMPLING, TIMES)
    columns = (Column(STEP, "strong"), Column(UNIT), *(Column(one, "n") for one in numbers))
    together = budget_of(plans)
    honest = min(stated_privacy(plan)["honest"] for plan in plans)
    note = NOTE.format(honest=count(honest), epsilon=short(together))
    return Section("privacy", TITLE, (Table(columns, lines, narrow=True), Note(note)))
