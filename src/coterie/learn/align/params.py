"""Parameters of ``align``: none yet."""

from coterie.learn.component import Params

__all__ = ["AlignParams"]


class AlignParams(Params):
    """``align`` has no choices yet."""
