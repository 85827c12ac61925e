"""Error codes of ``align``: 3220 to 3229."""

from coterie.errors import BadInput, define

__all__ = ["LEFT_UNKNOWN", "METHOD_UNFIT"]

LEFT_UNKNOWN = define(
    "CT-3220",
    BadInput,
    "The party whose rows shall all stay has no data in the job",
    "Name one of the job's parties with a dataset as `left`, or none for the label holder.",
)
METHOD_UNFIT = define(
    "CT-3221",
    BadInput,
    "That method of set intersection is for two parties",
    "Leave `method` at `auto`: for three and more parties there is one.",
)
