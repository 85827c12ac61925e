"""Error codes of limits."""

from coterie.errors import BadInput, define

LIMITS_CROSSED = define(
    "CT-3120",
    BadInput,
    "The limits of a column leave no value between them",
    "Choose a lower low end or a higher high end; of whole numbers, ends with one between them.",
)
