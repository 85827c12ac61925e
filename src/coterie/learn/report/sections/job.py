"""What is public of the job: who took part, with which rows; plan against fact; what each party learned."""

from __future__ import annotations

from markupsafe import Markup

from coterie.learn.report.blocks import Beside, Block, Column, Items, Note, Section, Table
from coterie.learn.report.facts import PageFacts
from coterie.learn.report.numbers import amount, count, number
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.sections.reveals import told
from coterie.learn.report.texts import T, Text, foreign

__all__ = ["frame_name", "learned", "parties", "plan_against_fact"]

FRAMES = {
    "all": T("all rows", "全部样本"),
    "train": T("training rows", "训练样本"),
    "test": T("test rows", "测试样本"),
}

PARTY = T("Participant", "参与方")
ROLE = T("Part", "角色")
FEATURES = T("Feature columns in the job", "任务所用特征列数")
ROWS = T("Rows", "样本")
NUMBER = T("Number", "数量")
ROWS_NOTE = T(
    "Rows are those that all data parties have in common. Groups of fewer than {least} rows are shown to "
    "nobody "
    "but their owner.",
    "样本为各数据方的共有样本。少于 {least} 个样本的分组不向其所有者以外的任何一方展示。",
)
OTHERS_NOTE = T(
    "Each data party has rows of its own: the same columns of other people. Groups of fewer than {least} "
    "rows are not shown.",
    "各数据方持有各自的样本：特征列相同，样本不同。少于 {least} 个样本的分组不予展示。",
)
PLANNED = T("Number, of who is missing as planned", "数量（缺席方按计划数）")
WITHOUT = T("Without {names}", "不含 {names}")
LATER_WITHOUT = T(
    "From step {step} on sums are of all data parties but {names}.",
    "自步骤 {step} 起，求和不含 {names}。",
)
ALL_AGAIN = T(
    "From step {step} on sums are of all data parties again.", "自步骤 {step} 起，求和重新包含全部数据方。"
)
EVERY_ROW = T("all rows of all parties", "各方全部样本")
COLUMNS_NOTE = T(
    "Groups of fewer than {least} rows are shown to nobody but their owner.",
    "少于 {least} 个样本的分组不向其所有者以外的任何一方展示。",
)


def frame_name(name: str) -> Text:
    """In words, where it is one of the usual."""
    return FRAMES.get(name, foreign(name))


def parties(reading: Reading) -> tuple[Block, ...]:
    """Who took part, and the rows and columns."""
    facts = reading.facts
    listed = Table(
        (Column(PARTY, "strong"), Column(ROLE), Column(FEATURES, "n")),
        [(one.name, one.role, one.columns) for one in facts.parties],
        narrow=True,
    )
    if not facts.rows:
        return (listed, Note(COLUMNS_NOTE.format(least=count(facts.min_group))))
    names = {"all": EVERY_ROW} if facts.horizontal else {}
    sizes = [(names.get(name) or frame_name(name), count(size)) for name, size in facts.rows.items()]
    if facts.left:
        left = [count(facts.left[name]) for name in facts.rows]
        without = WITHOUT.format(names=_names(facts.absent))
        columns = (Column(ROWS), Column(PLANNED, "n"), Column(without, "n"))
        rows = Table(columns, [(*one, few) for one, few in zip(sizes, left, strict=True)], narrow=True)
    else:
        rows = Table((Column(ROWS), Column(NUMBER, "n")), sizes, narrow=True)
    note = OTHERS_NOTE if facts.horizontal else ROWS_NOTE
    return (
        Beside((listed, rows)),
        *(Note(_change(step, absent)) for step, absent in facts.without),
        Note(note.format(least=count(facts.min_group))),
    )


def _change(step: str, absent: tuple[str, ...]) -> Text:
    if not absent:
        return ALL_AGAIN.format(step=step)
    return LATER_WITHOUT.format(step=step, names=_names(absent))


def _names(parties: tuple[str, ...]) -> Text:
    listed = [foreign(party) for party in parties]
    return Text(Markup(", ").join(one.en for one in listed), Markup("、").join(one.zh for one in listed))


STEP = T("Step", "步骤")
COMPONENT = T("Component", "组件")
ALL_PLANNED = T("Bytes of all, planned", "全部参与方计划字节")
OWN_PLANNED = T("Own bytes, planned", "本方计划字节")
OWN_SENT = T("Own bytes, sent", "本方实发字节")
ROUNDS_PLANNED = T("Rounds, planned", "计划轮数")
ROUNDS_USED = T("Rounds, used", "实际轮数")
SECONDS = T("Seconds", "耗时（秒）")
TOTAL = T("<b>Total</b>", "<b>合计</b>")
AS_PLANNED = T(
    "Every step sent exactly the planned bytes in exactly the planned rounds"
    " (steps marked ≤ may end early: their plan is a bound).",
    "各步骤的实际字节数与轮数均与计划一致（标记 ≤ 的步骤可提前结束，其计划为上限）。",
)
ATTESTED = T(
    "Nothing is sent between parties: one attested process had the columns of all. How long its steps took "
    "is told "
    "to nobody.",
    "各方之间不传输数据：由一个经过远程证明的进程处理全部数据列；各步骤耗时不告知任何一方。",
)
TITLE_PLAN = T("Plan against fact", "计划与实际")
TITLE_LEARNED = T("What each party learned", "各方获知的信息")


def plan_against_fact(reading: Reading) -> Section | None:
    """By step that has run: what was planned, and what it took at the place where the page is written."""
    facts = reading.facts
    ran = [plan for plan in facts.plans if plan.step in facts.measured]
    if facts.attested and facts.plans:
        steps = [(plan.step, plan.component) for plan in facts.plans]
        columns = (Column(STEP, "strong"), Column(COMPONENT))
        return Section("plan", TITLE_PLAN, (Table(columns, steps, narrow=True), Note(ATTESTED)))
    if not ran:
        return None
    return Section("plan", TITLE_PLAN, (_traffic(facts), Note(AS_PLANNED)))


def _traffic(facts: PageFacts) -> Table:
    lines: list[tuple[str | Text, ...]] = []
    totals = [0, 0, 0, 0, 0, 0.0]
    for plan in facts.plans:
        if plan.step not in facts.measured:
            continue
        fact, bound = facts.measured[plan.step], "≤ " if plan.at_most else ""
        everybody = sum(size for to in plan.sent.values() for size in to.values())
        own, sent = sum(plan.sent.get(facts.reader, {}).values()), sum(fact.sent.values())
        rounds = plan.rounds.get(facts.reader, 0)
        values = [everybody, own, sent, rounds, fact.rounds, fact.seconds]
        totals = [total + value for total, value in zip(totals, values, strict=True)]
        lines.append((plan.step, plan.component, *_shown(values, bound)))
    lines.append((TOTAL, "", *_shown(totals, "")))
    headings = (ALL_PLANNED, OWN_PLANNED, OWN_SENT, ROUNDS_PLANNED, ROUNDS_USED, SECONDS)
    columns = (Column(STEP, "strong"), Column(COMPONENT), *(Column(one, "n") for one in headings))
    return Table(columns, lines)


def _shown(values: list[int | float], bound: str) -> tuple[str, ...]:
    everybody, own, sent, rounds, used, seconds = values
    return (
        bound + amount(everybody),
        bound + amount(own),
        amount(sent),
        bound + count(rounds),
        count(used),
        _seconds(seconds),
    )


def _seconds(value: float) -> str:
    return number(value, 2 if value < 100 else 0)


KNEW = T("Came to know, beyond its own data", "除自有数据外获知的内容")
NOTHING = T("nothing", "无")
ITEM = T(
    '{what} <span class="soft">({values} values, step {step})</span>',
    '{what}<span class="soft">（{values} 个数值，步骤 {step}）</span>',
)
ITEM_ONE = T(
    '{what} <span class="soft">(1 value, step {step})</span>',
    '{what}<span class="soft">（1 个数值，步骤 {step}）</span>',
)
ITEM_SECRET = T(
    '{what} <span class="soft">(step {step})</span>',
    '{what}<span class="soft">（步骤 {step}）</span>',
)


def learned(reading: Reading) -> Section | None:
    """Every value that anybody came to know, as the plan says. It is the same on everybody's page, but that
    engine tee tells others' numbers of values to nobody."""
    facts = reading.facts
    lines = []
    for party in facts.parties:
        values: dict[tuple[str, str], int] = {}  # what is a result of two kinds is told once
        for plan in facts.plans:
            for reveal in plan.reveals:
                if party.name in reveal.to and reveal.values:
                    known = values.get((plan.step, reveal.what), 0)
                    values[plan.step, reveal.what] = max(known, reveal.values)
        found = [_item(facts, party.name, step, what, most) for (step, what), most in values.items()]
        lines.append((party.name, party.role, Items(tuple(found)) if found else NOTHING))
    if not lines:
        return None
    columns = (Column(PARTY, "strong"), Column(ROLE), Column(KNEW, "list"))
    return Section("learned", TITLE_LEARNED, (Table(columns, lines),))


def _item(facts: PageFacts, party: str, step: str, what: str, values: int) -> Text:
    if facts.attested and party != facts.reader:
        return ITEM_SECRET.format(what=told(what), step=step)
    if values == 1:
        return ITEM_ONE.format(what=told(what), step=step)
    return ITEM.format(what=told(what), values=count(values), step=step)
