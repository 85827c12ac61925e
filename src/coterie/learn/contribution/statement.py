"""What contributions show."""

from dataclasses import replace

from coterie.learn.summed import SUMS

__all__ = [
    "COUNTED",
    "FIRSTS",
    "GRADIENTS",
    "IN_ROUNDS",
    "IN_RUN",
    "LOSSES",
    "OWN_SUMS",
    "PARTS",
    "RETRAINED",
    "ROUTE",
    "SLOPES",
    "SPREADS",
    "TOGETHER",
    "of_group",
]

PARTS = (
    "of the model that was trained, sums over all training rows: gradients and curvatures by coefficient, or "
    "by leaf of each tree"
)
SLOPES = (
    "sums over all measured rows: of the loss on the way from the model without features to the one that was "
    "trained, its slope by coefficient or by leaf of each tree"
)
ROUTE = "mean losses of all measured rows by the first network and by the one that was trained"
GRADIENTS = (
    "gradients of the mean loss of all measured rows by every weight, at two networks on each stretch of the "
    "training"
)
TOGETHER = "the contributions of all parties together"
LOSSES = "sum of the losses of all measured rows by each model"
COUNTED = "rows of either label by bin of the score, of all measured rows by each model"
SPREADS = (
    "what the losses of all measured rows differ by where a party is left out: sums and sums of squares, by "
    "party"
)
FIRSTS = "of the model of each group of 3 parties: the contribution of each of them"
OWN_SUMS = (
    "sums over the training rows of each party alone, its numbers of rows with each label among them: what "
    "sums with and without it differ by"
)

IN_RUN = replace(
    SUMS,
    leaks="the sums over all parties' rows, which every party with data learns: less its own they are those "
    "of the others; a leaf may have one measured row of the others: then its sums tell that row's label, but "
    "not whose it is. Of each party's own sums its contribution is told, as the plan says to whom",
)
IN_ROUNDS = replace(
    SUMS,
    leaks="gradients of the loss of the measured rows, at networks that all know: less its own those of the "
    "others' rows, which are as many as the smallest group at least. Of a gradient it is not proven how "
    "little it tells of single rows: of few rows, features and labels can be made out of it. Of each party's "
    "own part of the training its contribution is told, as the plan says to whom; the parts stay at home",
)
RETRAINED = replace(
    SUMS,
    protocol=f"models of groups of at least three parties are trained; {SUMS.protocol}",
    leaks="the sums over the parties of each group, and so its model's coefficients, which every party with "
    "data learns. Groups differ by one party: what their sums differ by are SUMS OF THAT PARTY'S ROWS ALONE, "
    "of values, squares, products, labels and gradients. Where one row alone has a value other than nought "
    "in a column, its other values are among them",
)


def of_group(parties: int, what: str) -> str:
    """A sum of trainings of groups of so many parties."""
    return f"for each group of {parties} parties: {what}"
