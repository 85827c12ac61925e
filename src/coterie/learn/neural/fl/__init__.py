"""Engine fl: training at every party by rounds, and totals of the changes."""

from .kept import kept_bytes
from .perceptron import Perceptron, layers_of
from .rounds import Found, run_rounds
from .server import unflat
from .setting import Setting, planned_rounds
from .settings import FederatedParams
from .trainer import Arrays, Layout, Local, Rows, Singles, Tensor, Trained, Trainer
from .way import STRETCHES, Travelled, asked, features_digest, travelled_bytes

__all__ = [
    "STRETCHES",
    "Arrays",
    "FederatedParams",
    "Found",
    "Layout",
    "Local",
    "Perceptron",
    "Rows",
    "Setting",
    "Singles",
    "Tensor",
    "Trained",
    "Trainer",
    "Travelled",
    "asked",
    "features_digest",
    "kept_bytes",
    "layers_of",
    "planned_rounds",
    "run_rounds",
    "travelled_bytes",
    "unflat",
]
