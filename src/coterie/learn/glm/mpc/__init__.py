"""Training by secure computation."""

from coterie.learn.glm.mpc.formats import Formats
from coterie.learn.glm.mpc.inputs import Own, Roles, inputs
from coterie.learn.glm.mpc.program import MODEL, STATE, Part, training

__all__ = ["MODEL", "STATE", "Formats", "Own", "Part", "Roles", "inputs", "training"]
