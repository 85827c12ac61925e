"""What the report says of the job, collected at the party that writes it."""

from __future__ import annotations

from datetime import datetime

from coterie.learn.component import PlanContext, RunContext

from .report import Learned, Party, ReportFacts

__all__ = ["report_facts"]

ENGINES = {
    "clear": "in the clear, at one party that has all columns (clear)",
    "tee": "trusted execution environment (tee)",
    "mpc": "secure multi-party computation (mpc)",
    "fl": "federated learning (fl)",
}


def report_facts(context: RunContext, made: datetime) -> ReportFacts:
    """Public facts only: they are equal at every party that writes the report, but for the time."""
    planning, job = context.planning, context.job
    plans = list(job.steps) if job else []
    if all(plan.step != context.step for plan in plans):
        plans.append(context.plan)
    learned = (Learned(plan.step, one.what, one.values, one.to) for plan in plans for one in plan.reveals)
    return ReportFacts(
        title=job.title if job else f"evaluation of {planning.label}",
        job=job.id if job else "outside a job",
        agreement=job.agreement if job else "none",
        engine=_engine(context),
        label=planning.label,
        label_holder=planning.label_holder,
        made=made.strftime("%Y-%m-%d %H:%M UTC"),
        parties=_parties(planning),
        learned=tuple(learned),
    )


def _engine(context: RunContext) -> str:
    """In words; a pretended environment is never called one without saying so."""
    words = ENGINES[context.engine]
    if context.job is None or not context.job.simulated:
        return words
    return f"{words}, SIMULATED by {' or '.join(context.job.simulated)}: it proves nothing of the machine"


def _parties(planning: PlanContext) -> tuple[Party, ...]:
    listed = [
        Party(
            name,
            "label holder" if name == planning.label_holder else "data party",
            len(planning.columns[name]),
        )
        for name in planning.parties
    ]
    for name in dict.fromkeys((*planning.everybody, *planning.guests)):
        if name not in planning.parties:
            deals = ["deals random numbers"] if name == planning.dealer else []
            receives = ["receives results"] if name in planning.guests else []
            listed.append(Party(name, f"{' and '.join(deals + receives)}, without data", None))
    return tuple(listed)
