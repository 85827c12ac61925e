"""Training of any ``torch.nn.Module`` by batches, in place. It imports nothing of Coterie but data classes,
so that it can be run where the rest is not: in a sandbox, around a module that is somebody else's.

A module takes (rows, width) float32 and gives (rows, outputs) log-odds or numbers, of one output (rows,) too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from .trainer import Arrays, Floats, Local, Rows, Singles

__all__ = ["losses_network", "outputs_network", "row_losses", "slope_network", "train_network"]

BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Adam's own."""
BLOCK = 1 << 12
"""Rows that go through the network at once where it is not trained."""


def train_network(
    network: Any, rows: Rows, local: Local, seed: bytes, correction: Arrays | None = None
) -> tuple[float, int]:
    """Train on all rows, ``local.epochs`` times.

    :param correction: added to the gradients of the parameters, in the order of ``named_parameters``.

    Gives the mean loss of the last epoch, as its batches met it and without penalties, and the number of
    steps.
    """
    torch.set_num_threads(local.threads)
    torch.manual_seed(int.from_bytes(seed[:7], "little"))  # of dropout
    network.train()
    parameters = [one for one in network.parameters() if one.requires_grad]
    start = [one.detach().clone() for one in parameters] if local.mu else []
    added = [torch.from_numpy(one) for one in correction or ()]
    steps = _Steps(parameters, local)
    features, label = torch.from_numpy(rows.features), torch.from_numpy(rows.label)
    total = 0.0
    for begins, batch in _batches(len(rows), local, seed):
        taken = torch.from_numpy(batch)
        found = row_losses(network(features[taken]), label[taken], local)
        total = (0.0 if begins else total) + float(found.detach().sum())
        gradients = torch.autograd.grad(found.mean(), parameters)
        with torch.no_grad():
            for number, (one, gradient) in enumerate(zip(parameters, gradients, strict=True)):
                if local.alpha and one.ndim > 1:
                    gradient.add_(one, alpha=local.alpha / len(batch))
                if start:
                    gradient.add_(one - start[number], alpha=local.mu)
                if added:
                    gradient.add_(added[number])
            steps.take(gradients)
    return total / len(rows), steps.taken


def losses_network(network: Any, rows: Rows, local: Local) -> float:
    """The sum of the rows' losses, without penalties."""
    torch.set_num_threads(local.threads)
    network.eval()
    total = 0.0
    with torch.no_grad():
        for first in range(0, len(rows), BLOCK):
            part = slice(first, first + BLOCK)
            features, label = (torch.from_numpy(one[part]) for one in (rows.features, rows.label))
            total += float(row_losses(network(features), label, local).double().sum())
    return total


def slope_network(network: Any, rows: Rows, local: Local) -> Floats:
    """(numbers,) the gradient of the sum of the rows' losses, without penalties; zeros of no rows."""
    torch.set_num_threads(local.threads)
    network.eval()
    parameters = list(network.parameters())
    total: Floats = np.zeros(sum(one.numel() for one in parameters))
    for first in range(0, len(rows), BLOCK):
        part = slice(first, first + BLOCK)
        features, label = (torch.from_numpy(one[part]) for one in (rows.features, rows.label))
        found = torch.autograd.grad(row_losses(network(features), label, local).sum(), parameters)
        total += np.concatenate([one.double().numpy().ravel() for one in found])
    return total


def outputs_network(network: Any, features: Singles) -> Floats:
    """(rows, outputs) what the network gives."""
    network.eval()
    found = []
    with torch.no_grad():
        for first in range(0, len(features), BLOCK):
            given = network(torch.from_numpy(features[first : first + BLOCK])).double().numpy()
            found.append(given.reshape(len(given), -1))
    return np.concatenate(found) if found else np.zeros((0, 1))


def row_losses(outputs: Any, label: Any, local: Local) -> Any:
    """(rows,) without penalties."""
    if local.task == "classes":
        return functional.cross_entropy(outputs, label.long(), reduction="none")
    outputs = outputs.reshape(len(label))
    if local.task == "binary":
        return functional.binary_cross_entropy_with_logits(outputs, label, reduction="none")
    return (outputs - label) ** 2 / 2


class _Steps:
    """Of Adam or of plain gradients. torch's own optimizers would load its compiler first."""

    def __init__(self, parameters: Sequence[Any], local: Local) -> None:
        self._parameters, self._local = parameters, local
        self._first = [torch.zeros_like(one) for one in parameters]
        self._second = [torch.zeros_like(one) for one in parameters] if local.optimizer == "adam" else []
        self.taken = 0

    def take(self, gradients: Sequence[Any]) -> None:
        local = self._local
        self.taken += 1
        if local.optimizer == "sgd":
            for one, gradient, moment in zip(self._parameters, gradients, self._first, strict=True):
                step = moment.mul_(local.momentum).add_(gradient) if local.momentum else gradient
                one.sub_(step, alpha=local.learning_rate)
            return
        shrunk = [1 - beta**self.taken for beta in BETAS]
        rate = local.learning_rate * sqrt(shrunk[1]) / shrunk[0]
        for one, gradient, first, second in zip(
            self._parameters, gradients, self._first, self._second, strict=True
        ):
            first.mul_(BETAS[0]).add_(gradient, alpha=1 - BETAS[0])
            second.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            one.addcdiv_(first, second.sqrt().add_(EPSILON), value=-rate)


def _batches(rows: int, local: Local, seed: bytes) -> Iterator[tuple[bool, NDArray[np.int64]]]:
    """Row numbers of each batch, all rows once in each epoch; and whether an epoch begins with it."""
    random = np.random.Generator(np.random.PCG64(int.from_bytes(seed, "little")))
    for _ in range(local.epochs):
        order = random.permutation(rows)
        for first in range(0, rows, local.batch_rows):
            yield first == 0, order[first : first + local.batch_rows]
