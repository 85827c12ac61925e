"""Error codes of ``decide``."""

from coterie.errors import BadInput, define

__all__ = ["CUT_OFFS_CROSSED"]

CUT_OFFS_CROSSED = define(
    "CT-3170",
    BadInput,
    "Rows would be both approved and refused",
    "Of probabilities `refuse` is not below `approve`; of points it is not above.",
)
