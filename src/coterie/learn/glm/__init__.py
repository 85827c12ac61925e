"""Generalised linear models on a vertical frame."""

from coterie.learn.glm.component import Glm
from coterie.learn.glm.design import design
from coterie.learn.glm.fl import PooledTask
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
    "PooledTask",
    "design",
    "inverse",
    "load_model",
    "train_in_clear",
]
