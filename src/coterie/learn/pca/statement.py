"""What principal components show."""

from coterie.learn.component import Statement

__all__ = ["CLEAR", "MODEL", "PRODUCTS"]

MODEL = "mean and scale of each feature, directions of the largest variance, and the variance of each"
PRODUCTS = "number of all rows, sums over them of each feature, and of the products of each pair of features"
CLEAR = Statement(
    protocol="in the clear at the one place that holds all columns",
    adversary="none: nothing is sent",
    threshold="one party",
    computational_bits=0,
    statistical_bits=0,
)
