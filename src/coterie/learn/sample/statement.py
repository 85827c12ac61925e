"""What ``sample`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["RANDOM", "STRATIFIED", "WEIGHTS"]

RANDOM = Statement(
    protocol="keyed hash of the id, without a message",
    adversary="none: nothing is sent",
    threshold="any number of parties",
    leaks="how many rows are left",
)
STRATIFIED = Statement(
    protocol="the owner of the column draws the same share of every group, with a key of its own for this "
    "run, and tells the other parties with data which rows stay",
    threshold="any number of parties",
    statistical_bits=0,
    leaks="which rows stay: of a row's group no more than that shares of groups are exact up to one row",
)
WEIGHTS = Statement(
    protocol="the label holder makes a column of row weights of its own, without a message",
    adversary="none: nothing is sent",
    threshold="any number of parties",
)
