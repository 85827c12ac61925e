"""A small neural network on joined columns, trained by scikit-learn."""

from coterie.learn.neural.component import Neural
from coterie.learn.neural.model import Network, load_model
from coterie.learn.neural.params import NeuralParams

__all__ = ["Network", "Neural", "NeuralParams", "load_model"]
