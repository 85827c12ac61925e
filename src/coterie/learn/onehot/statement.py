"""What ``onehot`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["LOCAL", "STATEMENT"]

STATEMENT = Statement(
    protocol="each owner encodes its own columns, and tells the others how many columns came of each",
    threshold="any number of parties",
    computational_bits=0,
    statistical_bits=0,
    leaks="how many columns came of each: up to the limit, the number of categories of enough rows",
)
LOCAL = Statement(
    protocol="all columns are encoded in one place, without a message",
    adversary="none: nothing is sent",
    threshold="any number of parties",
)
