"""What logistic regression shows, engine by engine."""

from coterie.learn.component import Statement

__all__ = ["MPC", "RANGE"]

MPC = Statement(
    protocol="additive sharing in Z_2^64, private bilinear products, exact truncation, sigmoid by a dealt "
    "trigonometric sum, range guard",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
    leaks="whether a logit of any training row, in any pass, left the agreed range; if one did, up to four "
    "bits on how far in all, and the job ends",
)

RANGE = "whether every logit and coefficient stayed in its range, in all passes together: one bit"
