"""What ``derive`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["STATEMENT"]

STATEMENT = Statement(
    protocol="each owner computes new columns of its own, without a message",
    adversary="none: nothing is sent",
    threshold="any number of parties",
)
