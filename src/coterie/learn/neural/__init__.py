"""Neural networks: by scikit-learn where all rows are, by rounds with PyTorch where they are apart."""

from coterie.learn.neural.clear import Scale
from coterie.learn.neural.component import Neural
from coterie.learn.neural.fl import (
    Arrays,
    FederatedParams,
    Found,
    Layout,
    Local,
    Rows,
    Setting,
    Singles,
    Tensor,
    Trained,
    Trainer,
    run_rounds,
)
from coterie.learn.neural.horizontal import need_torch, planned, prepared, trained_rounds
from coterie.learn.neural.model import ClassModel, Made, Network, NetworkFacts, load_model, values
from coterie.learn.neural.params import NeuralParams
from coterie.learn.neural.statement import BY_ROUNDS, MODEL

__all__ = [
    "BY_ROUNDS",
    "MODEL",
    "Arrays",
    "ClassModel",
    "FederatedParams",
    "Found",
    "Layout",
    "Local",
    "Made",
    "Network",
    "NetworkFacts",
    "Neural",
    "NeuralParams",
    "Rows",
    "Scale",
    "Setting",
    "Singles",
    "Tensor",
    "Trained",
    "Trainer",
    "load_model",
    "need_torch",
    "planned",
    "prepared",
    "run_rounds",
    "trained_rounds",
    "values",
]
