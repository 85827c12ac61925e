"""What ``summary`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["MPC"]

MPC = Statement(
    protocol="additive sharing in Z_2^64; products of shares, of the holder's columns and shared membership, "
    "and quotients by the shared number of rows",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
    leaks="nothing beyond the figures that receivers are told, each of which is of all common rows",
)
