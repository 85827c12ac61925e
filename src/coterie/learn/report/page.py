"""The page: one HTML file that runs nothing and needs nothing else."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from coterie.learn.component import Finding
from coterie.learn.report.facts import PageFacts
from coterie.learn.report.sections import Reading, on_top, sections
from coterie.learn.report.texts import LANGUAGES, TAGS, Language, T, Text, foreign

__all__ = ["render"]

KICKER = T("Coterie report for {party}", "Coterie 建模报告 · {party}")
CONTENTS = T("Contents", "目录")
LABEL = T("Label", "标签")
LABEL_OF_EACH = T("{label}, held by every party", "{label}（各参与方均持有）")
LABEL_OF = T("{label}, held by {party}", "{label}（{party} 持有）")
ENGINE = T("Engine", "计算引擎")
MADE = T("Made", "生成时间")
AGREEMENT = T("Agreement", "协议")
JOB = T("Job", "任务")
READER = T("For", "报告接收方")
FOOTER = T(
    "{title} · job {job} · {made}. This page was written for {reader} and has only what the job has told "
    "{reader}. What was planned, approved, sent and revealed is in each party's ledger and can be checked "
    "there.",
    "{title} · 任务 {job} · {made}。本报告仅供 {reader} 使用，只包含本任务告知 {reader} 的内容。"
    "计划、审批、传输与披露的全部记录均在各参与方的账本中，可供核验。",
)
TITLE = T("{title} – report for {party}", "{title} – {party} 的报告")


def render(facts: PageFacts, findings: tuple[Finding, ...], language: Language) -> bytes:
    """The report of one party as UTF-8 HTML: no scripts, and no links to other files.

    :param findings: what the job has told that party.
    :raises CoterieError: CT-3178 for a document that is not what its component writes.
    """
    reading = Reading(facts, findings)
    page = _template(language).render(
        language=language,
        tag=TAGS["en" if language == "both" else language],
        has=" ".join(LANGUAGES if language == "both" else (language,)),
        title=TITLE.format(title=facts.title, party=facts.reader).plain(language),
        facts=facts,
        frame={"kicker": KICKER.format(party=facts.reader), "contents": CONTENTS},
        subtitle=None,
        head=_head(facts),
        summary=on_top(reading),
        sections=sections(reading),
        footer=FOOTER.format(title=facts.title, job=facts.job, made=facts.made, reader=facts.reader),
        style=_style(),
    )
    return page.strip().encode() + b"\n"


@cache
def _template(language: Language) -> Template:
    def said(value: Any) -> Any:
        return value.markup(language) if isinstance(value, Text) else value

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=said
    )
    return environment.from_string(
        resources.files(__package__).joinpath("page.html.jinja").read_text("utf-8")
    )


@cache
def _style() -> Markup:
    """This program's own style sheet, without the spaces of its lines."""
    text = resources.files(__package__).joinpath("style.css").read_text("utf-8")
    return Markup("\n".join(line.strip() for line in text.splitlines() if line.strip()))  # noqa: S704


def _head(facts: PageFacts) -> list[tuple[Text, Text, str]]:
    held = LABEL_OF_EACH if facts.horizontal else LABEL_OF
    return [
        (LABEL, held.format(label=facts.label, party=facts.label_holder), ""),
        (ENGINE, facts.engine, ""),
        (MADE, foreign(facts.made), ""),
        (AGREEMENT, foreign(facts.agreement), "wider code"),
        (JOB, foreign(facts.job), "code"),
    ]
