"""What ``reasons`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["POINTS", "REASONS", "STATEMENT"]

STATEMENT = Statement(
    protocol="each owner sorts its own deductions; the lists are merged on shares: additive sharing in "
    "Z_2^64, exact comparison, selection, zero-shared reveal",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
)
REASONS = "the features that cost each row the most points, in order"
POINTS = "the points that each of these features costs the row"
