"""What ``scorecard`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["COEFFICIENTS", "OPENED", "START", "SUMS"]

HELPER = "a dealer that gives out correlated randomness and colludes with no compute party"

OPENED = Statement(
    protocol="additive sharing in Z_2^64, zero-shared reveal of each owner's own coefficients to it alone",
    helper=HELPER,
)
SUMS = Statement(
    protocol="additive sharing in Z_2^64 of each owner's own sum of points, zero-shared reveal of their sum",
    helper=HELPER,
    leaks="nothing beyond its output; where one other party has few features, what is left of the sum "
    "without the receiver's own points tells the bins of its rows",
)
COEFFICIENTS = "coefficients of its own features, and so the points of their bins"
START = "the intercept, and so the points that every row starts with"
