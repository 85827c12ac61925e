"""What ``split`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["STATEMENT", "STRATIFIED", "TIME"]

STATEMENT = Statement(
    protocol="keyed hash of the id, without a message",
    adversary="none: nothing is sent",
    threshold="any number of parties",
    leaks="how many rows are for training and how many for the test",
)
STRATIFIED = Statement(
    protocol="the owner of the column draws the same share of every group, with a key of its own for this "
    "run, and tells the other parties with data which rows are for the test",
    threshold="any number of parties",
    statistical_bits=0,
    leaks="which rows are for the test: of a row's group no more than that shares of groups are exact up to "
    "one row; how many are for training and how many for the test",
)
TIME = Statement(
    protocol="the owner of the column finds the latest rows, and tells the other parties with data which "
    "these are",
    threshold="any number of parties",
    computational_bits=0,
    statistical_bits=0,
    leaks="of each row whether it is among the latest; how many are for training and how many for the test",
)
