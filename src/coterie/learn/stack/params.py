"""Parameters of ``stack``."""

from __future__ import annotations

from coterie.learn.component import Params

__all__ = ["StackParams"]


class StackParams(Params):
    """There is nothing to choose: which columns are stacked, the job says."""
