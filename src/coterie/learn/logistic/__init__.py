"""Logistic regression on a vertical frame.

Exports are lazy where they pull in an engine; see :mod:`coterie.learn.logistic.component`.
"""

from coterie.learn.logistic.component import Logistic
from coterie.learn.logistic.model import ClearModel, SharedModel
from coterie.learn.logistic.params import LogisticParams
from coterie.learn.logistic.scores import score_plan, score_run

__all__ = [
    "ClearModel",
    "Logistic",
    "LogisticParams",
    "SharedModel",
    "score_plan",
    "score_run",
]
