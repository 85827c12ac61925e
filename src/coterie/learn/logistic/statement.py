"""What logistic regression shows, engine by engine."""

from coterie.learn.component import Statement

__all__ = ["CLEAR", "MPC", "RANGE", "SCORES"]

CLEAR = Statement(
    protocol="in the clear at the one party that holds all columns",
    adversary="none: nothing is sent",
    threshold="one party",
    computational_bits=0,
    statistical_bits=0,
)

MPC = Statement(
    protocol="additive sharing in Z_2^64, private bilinear products, exact truncation, sigmoid by a dealt "
    "trigonometric sum, range guard",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
    leaks="whether a logit of any training row, in any pass, left the agreed range; if one did, up to four "
    "bits on how far in all, and the job ends",
)

SCORES = Statement(
    protocol="additive sharing in Z_2^64, private bilinear products, exact truncation, zero-shared reveal",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
)

RANGE = "whether every logit and coefficient stayed in its range, in all passes together: one bit"
