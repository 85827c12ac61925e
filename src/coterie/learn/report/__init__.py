"""Reports: one page for each party, of what the job has told it."""

from coterie.learn.report.component import Report
from coterie.learn.report.params import ReportParams
from coterie.learn.report.switch import in_language
from coterie.learn.report.texts import Language

__all__ = ["Language", "Report", "ReportParams", "in_language"]
