"""What ``cast`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["STATEMENT"]

STATEMENT = Statement(
    protocol="each owner changes the types of its own columns, without a message",
    adversary="none: nothing is sent",
    threshold="any number of parties",
)
