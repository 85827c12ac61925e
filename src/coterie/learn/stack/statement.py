"""What ``stack`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["STATEMENT"]

STATEMENT = Statement(
    protocol="every party keeps its own rows; nothing is sent",
    adversary="none: nothing is sent",
    threshold="any number of parties",
    leaks="how many rows each party has, which all know from its dataset's facts",
)
