"""What naive Bayes shows."""

from dataclasses import replace

from coterie.learn.component import Statement
from coterie.learn.summed import SUMS

__all__ = ["BY_SUMS", "CELLS", "LABELS", "MEANS", "MODEL", "SPREADS"]

LABELS = "number of training rows with each label value"
MEANS = "number of rows with each label value, and sum over them of each feature that is a number"
SPREADS = (
    "sums over the rows with each label value of each number's distance from its mean, and of the square of "
    "this"
)
CELLS = (
    "how many rows with each label value are in each category; of each party none, or no fewer than the "
    "smallest group with each"
)
MODEL = (
    "share of each label value; for each of them mean and variance of every number, share of every category"
)
BY_SUMS: Statement = replace(
    SUMS,
    leaks=f"{SUMS.leaks}; so every party with data knows the model, whoever is to receive it as a result",
)
