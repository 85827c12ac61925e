"""Error codes of ``evaluate``."""

from coterie.errors import BadInput, define

__all__ = ["SEGMENT_ELSEWHERE"]

SEGMENT_ELSEWHERE = define(
    "CT-3167",
    BadInput,
    "A segment is not a column of the label holder",
    "Name columns of the label holder that the job uses, as `party.column`.",
)
