"""Engine fl: Newton's iterations over sums of all parties' rows."""

from coterie.learn.glm.fl.rows import Rows
from coterie.learn.glm.fl.step import TOLD, PooledTask
from coterie.learn.glm.fl.training import Training, train

__all__ = ["TOLD", "PooledTask", "Rows", "Training", "train"]
