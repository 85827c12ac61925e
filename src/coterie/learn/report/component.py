"""``report``: one page of what the job has told a party."""

from __future__ import annotations

from typing import ClassVar

from coterie.crypto import now
from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.report.errors import NOBODY_READS
from coterie.learn.report.params import ReportParams
from coterie.learn.report.statement import REVEAL, STATEMENT

__all__ = ["Report"]

MEMORY = 64 << 20


class Report(Component[ReportParams]):
    """Writes one HTML file for each party that is granted ``report``, and sends nothing.

    It is made of the findings of that party, which steps before this one have told it, and of what is public
    of the job: plans, what the steps took, numbers of rows. So it belongs at the end.

    Errors: CT-3175 where nobody is granted the report.
    """

    name: ClassVar[str] = "report"
    summary: ClassVar[str] = "Write what the job has told each party as one page, for screen and paper."
    Parameters: ClassVar = ReportParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    needs_label: ClassVar[bool] = False
    takes_hidden: ClassVar[bool] = True
    libraries: ClassVar[tuple[str, ...]] = ("jinja2",)

    def plan(self, context: PlanContext, params: ReportParams) -> StepPlan:
        to = context.receiving("report")
        if not to:
            raise NOBODY_READS("no receiver of this job", step=context.step)
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=(Reveal(REVEAL, to, 0, "report"),),
            results={"report": to},
            memory=MEMORY,
            statement=STATEMENT,
            private=context.engine == "fl",  # of what its reader was given before, and of own rows
        )

    def run(self, context: RunContext, params: ReportParams) -> None:
        if context.deals_ahead:
            return
        from .facts import page_facts
        from .page import render

        made = now()
        for party in context.receiving("report"):
            context.progress(0, 1, f"writing the report of {party}")
            findings = tuple(context.findings.get(party, ()))
            page = render(page_facts(context, party, made, params.heading), findings, params.language)
            context.give("report", "report.html", page, to=(party,))
