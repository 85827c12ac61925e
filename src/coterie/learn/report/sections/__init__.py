"""The chapters of a report, one module for each kind of document: each only where there is material."""

from __future__ import annotations

from coterie.learn.report.blocks import Block, Section
from coterie.learn.report.sections.bins import bins, values
from coterie.learn.report.sections.comparison import comparison
from coterie.learn.report.sections.contribution import contribution
from coterie.learn.report.sections.correlations import correlations
from coterie.learn.report.sections.crosstabs import crosstabs
from coterie.learn.report.sections.decision import decided_in_short, decision
from coterie.learn.report.sections.evaluation import evaluations
from coterie.learn.report.sections.hidden_rows import summaries
from coterie.learn.report.sections.job import learned, parties, plan_against_fact
from coterie.learn.report.sections.model import model
from coterie.learn.report.sections.overlap import overlaps
from coterie.learn.report.sections.own_rows import own_rows
from coterie.learn.report.sections.private import private
from coterie.learn.report.sections.profiles import profiles
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.sections.scorecard import reasons, scorecard
from coterie.learn.report.sections.selection import kept_features, selection
from coterie.learn.report.sections.stability import stability
from coterie.learn.report.sections.structure import structure
from coterie.learn.report.sections.summary import summary
from coterie.learn.report.texts import T

__all__ = ["Reading", "on_top", "sections"]

DATA = T("Data", "数据")


def on_top(reading: Reading) -> tuple[Block, ...]:
    """What stands before all sections."""
    return summary(reading, decided_in_short(reading), kept_features(reading))


def sections(reading: Reading) -> tuple[Section, ...]:
    """In the order in which a committee reads."""
    columns = (*profiles(reading), *summaries(reading))
    found = (
        Section("data", DATA, (*parties(reading), *overlaps(reading), *columns)),
        crosstabs(reading),
        bins(reading),
        values(reading),
        correlations(reading),
        structure(reading),
        selection(reading),
        model(reading),
        scorecard(reading),
        reasons(reading),
        *evaluations(reading),
        own_rows(reading),
        contribution(reading),
        stability(reading),
        comparison(reading),
        decision(reading),
        plan_against_fact(reading),
        learned(reading),
        private(reading),
    )
    return tuple(one for one in found if one is not None)
