"""Logistic regression on a vertical frame: the fast way. Its models and scores are those of linear models."""

from coterie.learn.linear import ClearModel, ModelFacts, SharedModel, score_plan, score_run
from coterie.learn.logistic.component import Logistic
from coterie.learn.logistic.fl import pooled_task
from coterie.learn.logistic.params import LogisticParams
from coterie.learn.logistic.reference import load_model, train_in_clear

__all__ = [
    "ClearModel",
    "Logistic",
    "LogisticParams",
    "ModelFacts",
    "SharedModel",
    "load_model",
    "pooled_task",
    "score_plan",
    "score_run",
    "train_in_clear",
]
