"""What ``filter`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["LOCAL", "STATEMENT"]

STATEMENT = Statement(
    protocol="the owner of the columns finds which rows fulfil the condition, and tells the other parties "
    "with data",
    threshold="any number of parties",
    computational_bits=0,
    statistical_bits=0,
    leaks="of each row whether it fulfils the condition, to every party with data; how many do, to everybody",
)
LOCAL = Statement(
    protocol="the condition is looked at where all columns are, without a message",
    adversary="none: nothing is sent",
    threshold="any number of parties",
    leaks="how many rows fulfil the condition",
)
