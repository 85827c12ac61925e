"""Error codes of ``evaluate``."""

from coterie.errors import BadInput, define

__all__ = ["COLUMN_ELSEWHERE", "SEGMENTS_HIDDEN", "SEGMENTS_POOLED"]

COLUMN_ELSEWHERE = define(
    "CT-3167",
    BadInput,
    "A parameter names a column that is not the label holder's",
    "Name columns of the label holder that the job uses, as `party.column`.",
)
SEGMENTS_HIDDEN = define(
    "CT-3226",
    BadInput,
    "Scores of hidden rows are not measured apart by values of a column",
    "Leave `segments` out.",
)
SEGMENTS_POOLED = define(
    "CT-3233",
    BadInput,
    "Scores of several parties' rows are not measured apart by values of a column",
    "Leave `segments` out.",
)
