"""The multilayer perceptron as a network to train by rounds: losses, penalty and steps as in the clear."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from math import prod, sqrt
from typing import Any

import numpy as np

from coterie.learn.neural.clear import Layers, outputs

from .trainer import Arrays, Floats, Layout, Local, Rows, Singles, Tensor, Trained

__all__ = ["Perceptron", "layers_of", "uniform"]


class Perceptron:
    """Implements :class:`~coterie.learn.neural.fl.trainer.Trainer` with PyTorch.

    Arrays are as ``torch.nn.Linear`` has them: weights (units, units before) and biases (units,) of each
    layer, the first first.
    """

    def __init__(self, sizes: Sequence[int], activation: str) -> None:
        """:param sizes: units of every layer, from the features to the outputs."""
        self._sizes, self._activation = tuple(sizes), activation

    @property
    def layout(self) -> Layout:
        """Two arrays for each layer."""
        return tuple(
            tensor
            for number, (before, units) in enumerate(pairwise(self._sizes))
            for tensor in (
                Tensor(f"{number}.weight", (units, before), number),
                Tensor(f"{number}.bias", (units,), number),
            )
        )

    def initial(self, seed: bytes) -> Arrays:
        """Uniform numbers, within Glorot's bounds as scikit-learn takes them for weights and biases."""
        factor = 2.0 if self._activation == "logistic" else 6.0
        bounds = [sqrt(factor / (before + units)) for before, units in pairwise(self._sizes)]
        return [uniform(seed, one.name, one.shape, bounds[one.layer]) for one in self.layout]

    def train(
        self, weights: Arrays, rows: Rows, local: Local, seed: bytes, correction: Arrays | None = None
    ) -> Trained:
        """See :meth:`Trainer.train`."""
        from .torch_loop import train_network

        network = self._network(weights)
        loss, steps = train_network(network, rows, local, seed, correction)
        return Trained([one.detach().numpy() for one in network.parameters()], loss, steps)

    def gradients(self, weights: Arrays, rows: Rows, local: Local) -> Floats:
        """(rows, numbers) of each row's own loss, without penalties."""
        from .torch_rows import row_gradients

        return row_gradients(self._network(weights), rows, local)

    def slope(self, weights: Arrays, rows: Rows, local: Local) -> Floats:
        """(numbers,) the gradient of the sum of the rows' losses, without penalties."""
        from .torch_loop import slope_network

        return slope_network(self._network(weights), rows, local)

    def losses(self, weights: Arrays, rows: Rows, local: Local) -> float:
        """See :meth:`Trainer.losses`."""
        from .torch_loop import losses_network

        return losses_network(self._network(weights), rows, local)

    def outputs(self, weights: Arrays, features: Singles) -> Floats:
        """See :meth:`Trainer.outputs`; without torch."""
        return outputs(layers_of(weights), features.astype(np.float64), self._activation)

    def _network(self, weights: Arrays) -> Any:
        import torch
        from torch import nn

        units = {"relu": nn.ReLU, "tanh": nn.Tanh, "logistic": nn.Sigmoid}[self._activation]
        layers: list[Any] = []
        for before, after in pairwise(self._sizes):
            layers += [nn.Linear(before, after), units()]
        network = nn.Sequential(*layers[:-1])
        with torch.no_grad():
            for parameter, given in zip(network.parameters(), weights, strict=True):
                parameter.copy_(torch.from_numpy(given))
        return network


def layers_of(weights: Arrays) -> Layers:
    """As :class:`~coterie.learn.neural.model.Network` has them."""
    wide = [one.astype(np.float64) for one in weights]
    return tuple((one.T, biases) for one, biases in zip(wide[::2], wide[1::2], strict=True))


def uniform(seed: bytes, name: str, shape: tuple[int, ...], bound: float) -> Singles:
    """Numbers in [-bound, bound) by SHAKE-256 of seed and name: the same to the bit on any machine."""
    stream = hashlib.shake_256(seed + name.encode()).digest(4 * prod(shape))
    whole = np.frombuffer(stream, "<u4").astype(np.float64)
    return ((whole * 2.0**-31 - 1.0) * bound).astype(np.float32).reshape(shape)
