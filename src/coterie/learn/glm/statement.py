"""What generalised linear models show."""

from coterie.learn.component import Statement

__all__ = ["LOSS", "MPC", "RANGE", "SCALE", "STATISTICS", "STOP", "TABLE"]

MPC = Statement(
    protocol="additive sharing in Z_2^64, private bilinear products, exact truncation, functions by dealt "
    "sums and exponentials, secret comparison, range guards",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
    leaks="whether predictors, derivatives, gradients, curvatures and coefficients stayed in their ranges at "
    "every step; if one did not, up to four bits on how far off in all, and the job ends",
)

RANGE = "whether every value stayed in its range, at all steps together: one bit"

SCALE = "mean of the label, and a power of two near its spread"

LOSS = "mean loss of the training rows, each time that it is looked at"

STOP = "after which look at the loss training has ended"

TABLE = (
    "standard error of each coefficient, deviance and the null model's, dispersion, likelihood, AIC; z and p "
    "to who may know the coefficients"
)

STATISTICS = (
    "diagonal of the inverse of the information, and a power of two near its trace; how exact that inverse "
    "is; deviance and the null model's; dispersion; a power of two near the label's mean or spread; the "
    "likelihood's constant; mean of the row weights"
)
