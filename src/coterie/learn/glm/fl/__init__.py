"""Engine fl: Newton's iterations over sums of all parties' rows."""

from coterie.learn.glm.fl.parts import Losses, Parts, losses_at, start_of, unit_of
from coterie.learn.glm.fl.rows import Rows
from coterie.learn.glm.fl.step import TOLD, PooledTask, rows_of
from coterie.learn.glm.fl.training import Optimum, Training, train

__all__ = [
    "TOLD",
    "Losses",
    "Optimum",
    "Parts",
    "PooledTask",
    "Rows",
    "Training",
    "losses_at",
    "rows_of",
    "start_of",
    "train",
    "unit_of",
]
