"""What ``overlap`` assumes and shows in engine ``mpc``."""

from coterie.learn.component import Statement
from coterie.psi import STATEMENT_HIDDEN

__all__ = ["MPC"]

MPC = Statement(
    protocol=f"{STATEMENT_HIDDEN.protocol}; strings compared on shares, and counted there",
    threshold="one of the two parties",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
    computational_bits=STATEMENT_HIDDEN.computational_bits,
    leaks="nothing beyond the number that receivers are told: no party learns of any row whether it is "
    "common",
)
