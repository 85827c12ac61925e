"""Error codes of jobs that stand still (CT-5067)."""

from __future__ import annotations

from coterie.errors import Unavailable, define

__all__ = ["NOT_FURTHER"]

NOT_FURTHER = define(
    "CT-5067",
    Unavailable,
    "Nobody came further with the job for longer than an operator waits",
    "Ask the operator of the party that was waited for; submit it again. How long a node waits, and what "
    "it does then, says `stall` in its node.yaml.",
)
