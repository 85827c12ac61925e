"""What linear models show, whatever trained them."""

from coterie.learn.component import Statement

__all__ = ["CLEAR", "SCORES"]

CLEAR = Statement(
    protocol="in the clear at the one party that holds all columns",
    adversary="none: nothing is sent",
    threshold="one party",
    computational_bits=0,
    statistical_bits=0,
)

SCORES = Statement(
    protocol="additive sharing in Z_2^64, private bilinear products, exact truncation, zero-shared reveal",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
)
