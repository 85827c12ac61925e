"""Parameters of ``summary``."""

from __future__ import annotations

from coterie.learn.component import Params

__all__ = ["SummaryParams"]


class SummaryParams(Params):
    """What a job may choose of ``summary``."""

    count: bool = False
    """Whether the number of common rows is told, too."""
