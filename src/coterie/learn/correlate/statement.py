"""What ``correlate`` and ``vif`` assume and show."""

from coterie.learn.component import Statement

__all__ = ["CORRELATIONS", "FACTORS", "MPC_CORRELATIONS", "MPC_FACTORS"]

CORRELATIONS = (
    "correlation of each pair of columns; where one row lies far out in a column, its correlations tell the "
    "other columns' values in that row"
)
FACTORS = "variance inflation factor of each column"

DEALER = "a dealer that gives out correlated randomness and colludes with no compute party"

MPC_CORRELATIONS = Statement(
    protocol="additive shares in Z_2^64; each owner brings its columns to mean 0 and length 1, alone; "
    "products of two owners' columns by a dealer's correlated randomness",
    helper=DEALER,
    leaks="nothing beyond its output: correlations, which tell whoever knows one of the two columns of the "
    "other one's values in rows that lie far out; ranks, and columns that are clipped or binned, have none",
)
MPC_FACTORS = Statement(
    protocol="additive shares in Z_2^64; each owner turns its columns apart, alone; products of two owners' "
    "columns, and the inverse of their matrix, by a dealer's correlated randomness",
    helper=DEALER,
    leaks="nothing beyond its output",
)
