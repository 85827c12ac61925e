"""Training by secure computation."""

from coterie.learn.glm.mpc.formats import COEFFICIENT_FRAC, Formats
from coterie.learn.glm.mpc.inputs import Own, Roles, inputs, location_of
from coterie.learn.glm.mpc.program import MODEL, STATE, Part, training

__all__ = [
    "COEFFICIENT_FRAC",
    "MODEL",
    "STATE",
    "Formats",
    "Own",
    "Part",
    "Roles",
    "inputs",
    "location_of",
    "training",
]
