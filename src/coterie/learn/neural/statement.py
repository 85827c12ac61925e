"""What a neural network shows."""

from dataclasses import replace

from coterie.learn.summed import SUMS

__all__ = [
    "BY_ROUNDS",
    "CHANGES",
    "GONE_ON",
    "HISTORY",
    "LOSSES",
    "MODEL",
    "MOMENTS",
    "OF_GROUP",
    "ROWS",
    "SPREAD",
]

MODEL = "weights and biases of every layer; mean and deviation of a numeric label"
HISTORY = "mean loss of the rows of training and of those held back, after each epoch"

ROWS = "number of training rows, number of those held back, and sum of the first ones' labels of 0 and 1"
MOMENTS = "sum of the training rows' labels"
SPREAD = "sum of the squared distances of the training rows' labels from their mean"
GONE_ON = "after which rounds each training can go on, of one that broke off"
CHANGES = "changes of the weights by each party's training, of every round"
OF_GROUP = "changes of the weights by each party's training, of groups of {size} parties in every round"
LOSSES = "losses of training rows and of those held back, and how many changes were shortened, of every round"
"""Totals over all parties' rows, of engine fl."""

BY_ROUNDS = replace(
    SUMS,
    protocol=f"in each round every party trains the network on its own rows; {SUMS.protocol}",
    leaks="the totals, which every party with data learns: after each round the mean change of the weights "
    "by the parties of that round, and so the network after every round; mean losses. Of a mean change it is "
    "not proven how little it tells of single rows: networks learn rare ones by heart. Where parties of a "
    "round are drawn, means of rounds whose parties differ by one tell about that one's change",
)
"""The step where every party has rows of its own: engine fl."""
