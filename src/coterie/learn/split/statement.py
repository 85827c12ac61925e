"""What ``split`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["STATEMENT"]

STATEMENT = Statement(
    protocol="keyed hash of the id, without a message",
    adversary="none: nothing is sent",
    threshold="any number of parties",
    leaks="how many rows are for training and how many for the test",
)
