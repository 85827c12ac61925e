"""Error codes of jobs that stand still, and of what a node sends to monitors (CT-5067 to CT-5069)."""

from __future__ import annotations

from coterie.errors import BadInput, Unavailable, define

__all__ = ["NOT_FURTHER", "TRACES_UNUSABLE"]

NOT_FURTHER = define(
    "CT-5067",
    Unavailable,
    "Nobody came further with the job for longer than an operator waits",
    "Ask the operator of the party that was waited for; submit it again. How long a node waits, and what "
    "it does then, says `stall` in its node.yaml.",
)

TRACES_UNUSABLE = define(
    "CT-5068",
    BadInput,
    "Traces cannot be sent as node.yaml says",
    "Install the extra `otel`, or correct the setting `traces` of node.yaml; then start the node again.",
)
