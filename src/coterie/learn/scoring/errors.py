"""Error codes of scoring. Missing models and frames have those of the floor, CT-3001 and CT-3002."""

from coterie.errors import BadInput, define

__all__ = ["SCORES_STALE"]

SCORES_STALE = define(
    "CT-3165",
    BadInput,
    "The rows of a frame have changed since they were scored",
    "Put steps that take rows away or draw them before the first step that scores the frame.",
)
