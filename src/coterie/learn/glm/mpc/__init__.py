"""Training by secure computation."""

from coterie.learn.glm.mpc.formats import COEFFICIENT_FRAC, Formats
from coterie.learn.glm.mpc.information import INFORMATION, MOMENTS
from coterie.learn.glm.mpc.inputs import Own, Roles, inputs, location_of
from coterie.learn.glm.mpc.program import MODEL, STATE, Part, training
from coterie.learn.glm.mpc.solve import inverse

__all__ = [
    "COEFFICIENT_FRAC",
    "INFORMATION",
    "MODEL",
    "MOMENTS",
    "STATE",
    "Formats",
    "Own",
    "Part",
    "Roles",
    "inputs",
    "inverse",
    "location_of",
    "training",
]
