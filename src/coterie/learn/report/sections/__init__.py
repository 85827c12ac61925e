"""The chapters of a report, one module for each kind of document: each only where there is material."""

from __future__ import annotations

from coterie.learn.report.blocks import Block, Section
from coterie.learn.report.sections.bins import bins, values
from coterie.learn.report.sections.correlations import correlations
from coterie.learn.report.sections.evaluation import evaluations
from coterie.learn.report.sections.job import learned, parties, plan_against_fact
from coterie.learn.report.sections.model import model
from coterie.learn.report.sections.profiles import profiles
from coterie.learn.report.sections.reading import Reading
from coterie.learn.report.sections.scorecard import reasons, scorecard
from coterie.learn.report.sections.summary import summary
from coterie.learn.report.texts import T

__all__ = ["Reading", "sections", "summary"]

DATA = T("Data", "数据")


def sections(reading: Reading) -> tuple[Section, ...]:
    """In the order in which a committee reads."""
    found = (
        Section("data", DATA, _data(reading)),
        bins(reading),
        values(reading),
        correlations(reading),
        model(reading),
        scorecard(reading),
        reasons(reading),
        *evaluations(reading),
        plan_against_fact(reading),
        learned(reading),
    )
    return tuple(one for one in found if one is not None)


def _data(reading: Reading) -> tuple[Block, ...]:
    return (*parties(reading), *profiles(reading))
