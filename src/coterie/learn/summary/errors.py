"""Error codes of ``summary``."""

from coterie.errors import BadInput, define

__all__ = ["NOTHING_TO_TELL", "NOT_HIDDEN"]

NOT_HIDDEN = define(
    "CT-3216",
    BadInput,
    "The step is for hidden rows, and the job has none",
    "Align with `membership: hidden` in engine mpc, or use `describe`, which tells more.",
)
NOTHING_TO_TELL = define(
    "CT-3217",
    BadInput,
    "The rows have no columns",
    "Name columns of a dataset in the job.",
)
