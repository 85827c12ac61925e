"""Error codes of stacking."""

from coterie.errors import BadInput, define

__all__ = ["NOT_HORIZONTAL", "ROWS_CHANGED"]

NOT_HORIZONTAL = define(
    "CT-3231",
    BadInput,
    "The datasets of this job have different columns of the same people",
    "Use `align` in place of `stack`; or write `frame: horizontal` into the job, if every party has the same "
    "columns of other people.",
)
ROWS_CHANGED = define(
    "CT-3232",
    BadInput,
    "A dataset has other rows than its owner has told of",
    "Refresh the dataset at its owner's node: `coterie dataset refresh`; then submit the job again.",
)
