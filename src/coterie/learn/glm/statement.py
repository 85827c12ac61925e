"""What generalised linear models show."""

from coterie.learn.component import Statement

__all__ = ["MPC", "RANGE"]

MPC = Statement(
    protocol="additive sharing in Z_2^64, private bilinear products, exact truncation, functions by dealt "
    "sums and exponentials, secret comparison, range guards",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
    leaks="whether predictors, derivatives, gradients, curvatures and coefficients stayed in their ranges at "
    "every step; if one did not, up to four bits on how far off in all, and the job ends",
)

RANGE = "whether every value stayed in its range, at all steps together: one bit"
