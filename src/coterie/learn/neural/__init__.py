"""Neural networks: by scikit-learn where all rows are, by rounds with PyTorch where they are apart."""

from coterie.learn.neural.clear import HeldBack, Scale, loss
from coterie.learn.neural.component import Neural
from coterie.learn.neural.fl import (
    STRETCHES,
    Arrays,
    FederatedParams,
    Found,
    Layout,
    Local,
    Perceptron,
    Rows,
    Setting,
    Singles,
    Tensor,
    Trained,
    Trainer,
    Travelled,
    features_digest,
    layers_of,
    run_rounds,
    unflat,
)
from coterie.learn.neural.horizontal import need_torch, planned, prepared, trained_rounds
from coterie.learn.neural.model import ClassModel, Made, Network, NetworkFacts, load_model, values
from coterie.learn.neural.params import NeuralParams
from coterie.learn.neural.statement import BY_ROUNDS, MODEL

__all__ = [
    "BY_ROUNDS",
    "MODEL",
    "STRETCHES",
    "Arrays",
    "ClassModel",
    "FederatedParams",
    "Found",
    "HeldBack",
    "Layout",
    "Local",
    "Made",
    "Network",
    "NetworkFacts",
    "Neural",
    "NeuralParams",
    "Perceptron",
    "Rows",
    "Scale",
    "Setting",
    "Singles",
    "Tensor",
    "Trained",
    "Trainer",
    "Travelled",
    "features_digest",
    "layers_of",
    "load_model",
    "loss",
    "need_torch",
    "planned",
    "prepared",
    "run_rounds",
    "trained_rounds",
    "unflat",
    "values",
]
