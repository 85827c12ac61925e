"""What a page says of the job, collected where it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from coterie.learn.component import EACH, Measured, PlanContext, RunContext, StepPlan
from coterie.learn.report.texts import T, Text, foreign

__all__ = ["PageFacts", "Party", "page_facts"]

ENGINES = {
    "clear": T(
        "in the clear, at one party that has all columns (clear)", "明文计算，全部数据在同一参与方处（clear）"
    ),
    "tee": T("trusted execution environment (tee)", "可信执行环境（tee）"),
    "mpc": T("secure multi-party computation (mpc)", "安全多方计算（mpc）"),
    "fl": T("federated learning (fl)", "联邦学习（fl）"),
}
SIMULATED = T(
    '{engine}, <span class="warn">SIMULATED by {platforms}: it proves nothing of the machine</span>',
    '{engine}，<span class="warn">由 {platforms} 模拟（SIMULATED）：不能证明机器的真实性</span>',
)
OR = T(" or ", " 或 ")

LABEL_HOLDER = T("label holder", "标签方")
DATA_PARTY = T("data party", "数据方")
DEALER = T("deals random numbers, without data", "提供随机数，无数据")
RECEIVER = T("receives results, without data", "接收结果，无数据")
NOT_COUNTED = T(
    "has rows with the label; in no sum since step {step}: later numbers are without its rows",
    "持有含标签的样本；自步骤 {step} 起未计入求和：其后的数字不含其样本",
)
ROWS_HERE = T("has rows with the label", "持有含标签的样本")
COORDINATOR = T("adds up masked sums, without data", "汇总经掩码的求和值，无数据")
BOTH_PARTS = T("deals random numbers and receives results, without data", "提供随机数并接收结果，无数据")


@dataclass(frozen=True)
class Party:
    """A participant as the page lists it."""

    name: str
    role: Text
    columns: int | None
    """Number of feature columns in the job; None where it gives none by its role."""


@dataclass(frozen=True)
class PageFacts:
    """What is public among the parties of the job, and who reads the page."""

    reader: str
    title: str
    job: str
    agreement: str
    engine: Text
    label: str
    label_holder: str
    made: str
    """UTC, to the minute."""
    parties: tuple[Party, ...]
    plans: tuple[StepPlan, ...] = ()
    measured: Mapping[str, Measured] = field(default_factory=dict)
    """At the place where the page is written."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """By frame; nothing where the reader is not told."""
    attested: bool = False
    min_group: int = 0
    horizontal: bool = False
    """Whether the parties have the same columns of different rows."""
    without: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """As :attr:`JobFacts.without`."""
    left: Mapping[str, int] = field(default_factory=dict)
    """By frame: rows of the parties in the last totals, where these are not all."""

    @property
    def absent(self) -> tuple[str, ...]:
        """Who is not in the last totals."""
        return self.without[-1][1] if self.without else ()


def page_facts(context: RunContext, reader: str, made: datetime, heading: str | None = None) -> PageFacts:
    """Public facts only, and the measured ones of the place where this is called."""
    planning, job = context.planning, context.job
    plans = tuple(plan for plan in (job.steps if job else ()) if plan.step != context.step)
    attested = context.engine == "tee"
    without = job.without if job else ()
    absent = without[-1][1] if without else ()
    return PageFacts(
        reader=reader,
        title=heading or (job.title if job else f"model of {planning.label}"),
        job=job.id if job else "–",
        agreement=job.agreement if job else "–",
        engine=_engine(context),
        label=planning.label,
        label_holder=planning.label_holder,
        made=made.strftime("%Y-%m-%d %H:%M UTC"),
        parties=_parties(planning, without),
        plans=(*plans, context.plan),
        measured=dict(job.measured) if job else {},
        rows={} if attested else _rows(planning),
        attested=attested,
        min_group=planning.min_group,
        horizontal=planning.horizontal,
        without=without,
        left=_left(planning, absent) if absent else {},
    )


def _rows(planning: PlanContext) -> dict[str, int]:
    """Of hidden rows nobody knows how many are common."""
    return {name: shape.rows for name, shape in planning.frames.items() if shape.hidden is None}


def _left(planning: PlanContext, absent: Sequence[str]) -> dict[str, int]:
    """Without those that are absent, whose rows after the first steps nobody knows."""
    parted = {name: shape.horizontal or {} for name, shape in planning.frames.items()}
    return {
        name: sum(rows for party, rows in by_party.items() if party not in absent)
        for name, by_party in parted.items()
    }


def _engine(context: RunContext) -> Text:
    """In words; a pretended environment is never called one without saying so."""
    words = ENGINES[context.engine]
    platforms = context.job.simulated if context.job else ()
    if not platforms:
        return words
    named = Text(OR.en.join(platforms), OR.zh.join(platforms))
    return SIMULATED.format(engine=words, platforms=named)


def _absent_since(without: Sequence[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    """The step since which each party that is absent in the end is in no total."""
    lost: dict[str, str] = {}
    for step, absent in without:
        lost = {party: lost.get(party, step) for party in absent}
    return lost


def _parties(planning: PlanContext, without: Sequence[tuple[str, tuple[str, ...]]] = ()) -> tuple[Party, ...]:
    lost = _absent_since(without)
    listed = [
        Party(
            name,
            NOT_COUNTED.format(step=lost[name]) if name in lost else ROWS_HERE,
            len(planning.columns[EACH]),
        )
        if planning.horizontal
        else Party(
            name,
            LABEL_HOLDER if name == planning.label_holder else DATA_PARTY,
            len(planning.columns[name]),
        )
        for name in planning.parties
    ]
    for name in dict.fromkeys((*planning.everybody, *planning.guests)):
        if name not in planning.parties:
            deals, receives = name == planning.dealer, name in planning.guests
            role = BOTH_PARTS if deals and receives else DEALER if deals else RECEIVER
            if name == planning.coordinator:
                role = COORDINATOR
            listed.append(Party(name, role, None))
    return tuple(listed)


def owned(party: str, column: str) -> Text:
    """A column with its owner."""
    return foreign(f"{party}.{column}")
