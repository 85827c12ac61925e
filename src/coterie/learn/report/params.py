"""Parameters of ``report``."""

from pydantic import Field

from coterie.learn.component import Params
from coterie.learn.report.texts import Language

__all__ = ["ReportParams"]


class ReportParams(Params):
    """What a job may choose of ``report``."""

    language: Language = "both"
    """``both``: the reader chooses, without a network; ``coterie job report --lang`` does it beforehand."""
    heading: str | None = Field(None, min_length=1, max_length=200)
    """The page's heading; the job's name if it is not given."""
