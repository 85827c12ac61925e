"""Generalised linear models on a vertical frame."""

from coterie.learn.glm.component import Glm
from coterie.learn.glm.design import design
from coterie.learn.glm.fl import Optimum, Parts, PooledTask, Rows, losses_at, rows_of, start_of, unit_of
from coterie.learn.glm.information import Information, InformationTask
from coterie.learn.glm.mpc import inverse
from coterie.learn.glm.params import GlmParams
from coterie.learn.glm.reference import GlmFit, load_model, train_in_clear
from coterie.learn.glm.statement import RANGE

__all__ = [
    "RANGE",
    "Glm",
    "GlmFit",
    "GlmParams",
    "Information",
    "InformationTask",
    "Optimum",
    "Parts",
    "PooledTask",
    "Rows",
    "design",
    "inverse",
    "load_model",
    "losses_at",
    "rows_of",
    "start_of",
    "train_in_clear",
    "unit_of",
]
