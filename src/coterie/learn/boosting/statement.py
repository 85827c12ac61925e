"""What boosted trees show."""

from dataclasses import replace

from coterie.learn.summed import SUMS

__all__ = [
    "BY_SUMS",
    "CELLS",
    "DERIVATIVES",
    "HISTORY",
    "IMPORTANCE",
    "LABELS",
    "LOSSES",
    "MODEL",
    "PARTS",
    "RANGES",
    "SHAP",
    "SHARES",
    "SQUARES",
]

MODEL = "the trees: of which column each split is, and where; categories by name; counts and leaves"
IMPORTANCE = "gain, cover and number of splits of each feature, and its mean share in the scores"
SHAP = "share of each feature in the score of each row"
HISTORY = "mean loss of the rows of training and of those held back, after each round"

RANGES = "how many parties have their largest label in each range between two powers of 256"
LABELS = "number of training rows, number of those held back, and sum of the labels"
CELLS = "number of rows by column and cell of a public grid of values"
PARTS = "number of rows in each part of cells with enough rows, by column"
SQUARES = "sums of the squares of first and of second derivatives, before each tree"
DERIVATIVES = "sums of first and of second derivatives by node, column and bin, at depth {depth} of each tree"
LOSSES = "sums of the losses of training rows and of those held back, after each tree"
SHARES = "number of rows looked at, and sums of the magnitudes of each feature's share in their scores"
"""Totals over all parties' rows, of engine fl."""

BY_SUMS = replace(
    SUMS,
    protocol=f"{SUMS.protocol}; trees grow by totals of histograms",
    leaks="the totals, which every party with data learns: how many rows have values in each cell of a grid, "
    "and of each node, column and bin of every tree the sums of first and second derivatives. No bin has "
    "fewer rows than the least group when training begins; in a node a bin may have few rows, or one: then "
    "its sums tell that one of the others has such a row, and its label, but not whose it is",
)
