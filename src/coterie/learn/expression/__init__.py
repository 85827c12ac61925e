"""Safe expressions over one party's columns."""

from .evaluate import evaluated
from .parse import Expression, parsed

__all__ = ["Expression", "evaluated", "parsed"]
