"""What clusters show."""

from dataclasses import replace

from coterie.learn.component import Statement
from coterie.learn.summed import SUMS

__all__ = ["BY_SUMS", "CLEAR", "MODEL", "ROWS", "SPLITS", "STEPS"]

MODEL = "centre and number of rows of each cluster, inertia, and the centres at the start"
ROWS = "the cluster of each row, and its distance from the centre"
SPLITS = (
    "while the start is made: sum of all squares, and of each cluster so far number of rows, sum of each "
    "feature and of its square; of each party's rows in groups of no fewer than the smallest group"
)
STEPS = (
    "of each iteration: sum of all squares, and of each cluster number of rows and sum of each feature; of "
    "each party's rows in groups of no fewer than the smallest group"
)
CLEAR = Statement(
    protocol="in the clear at the one place that holds all columns",
    adversary="none: nothing is sent",
    threshold="one party",
    computational_bits=0,
    statistical_bits=0,
)
BY_SUMS = replace(
    SUMS,
    leaks=f"{SUMS.leaks}; so every party with data knows the centres of each iteration, whoever is to "
    "receive them as a result",
)
