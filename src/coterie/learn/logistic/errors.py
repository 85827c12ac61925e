"""Error codes of ``logistic``."""

from coterie.errors import BadInput, define

__all__ = ["OPTIMIZER_UNFIT"]

OPTIMIZER_UNFIT = define(
    "CT-3218",
    BadInput,
    "Hidden rows are not trained on by this optimizer",
    "Use `optimizer: nesterov`.",
)
