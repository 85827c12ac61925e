"""Logistic regression on a vertical frame: the component, its models, and scores by them."""

from coterie.learn.logistic.component import Logistic
from coterie.learn.logistic.model import ClearModel, ModelFacts, SharedModel, load_model
from coterie.learn.logistic.params import LogisticParams
from coterie.learn.logistic.reference import train_in_clear
from coterie.learn.logistic.scores import score_plan, score_run

__all__ = [
    "ClearModel",
    "Logistic",
    "LogisticParams",
    "ModelFacts",
    "SharedModel",
    "load_model",
    "score_plan",
    "score_run",
    "train_in_clear",
]
