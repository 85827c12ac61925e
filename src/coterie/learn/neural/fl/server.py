"""From the parties' mean change to new weights. Every party computes it from the same totals, and so has the
same weights to the last bit: nothing but sums, products, quotients and roots of doubles, number by number.

FedAvg [McMahan et al. 2017, arXiv:1602.05629], FedProx [Li et al. 2020, arXiv:1812.06127], FedAdam [Reddi et
al. 2021, arXiv:2003.00295, algorithm 2], SCAFFOLD [Karimireddy et al. 2020, arXiv:1910.06378, option II].
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .settings import FederatedParams
from .trainer import Arrays, Floats, Layout

__all__ = ["Server", "flat", "unflat"]


def flat(arrays: Arrays) -> Floats:
    """All numbers in a row, as doubles."""
    return np.concatenate([one.ravel() for one in arrays]).astype(np.float64)


def unflat(numbers: Floats, layout: Layout) -> Arrays:
    """As a network takes them: rounded to float32."""
    found, place = [], 0
    for one in layout:
        found.append(numbers[place : place + one.size].astype(np.float32).reshape(one.shape))
        place += one.size
    return found


@dataclass(frozen=True)
class Server:
    """What all parties have alike after a round."""

    weights: Floats
    """(n,) of the layers that are common."""
    moments: tuple[Floats, Floats] | None
    """(n,) each, of FedAdam: of the mean changes, and of their squares."""
    control: Floats | None
    """(n,) of SCAFFOLD: c times the learning rate, the mean of all parties' own."""

    @classmethod
    def begin(cls, weights: Floats, params: FederatedParams) -> Server:
        """Before the first round."""
        zeros = np.zeros_like(weights)
        return cls(
            weights,
            (zeros, zeros) if params.strategy == "fedadam" else None,
            zeros if params.strategy == "scaffold" else None,
        )

    @property
    def arrays(self) -> tuple[Floats, ...]:
        """All of it, in one order."""
        return (self.weights, *(self.moments or ()), *(() if self.control is None else (self.control,)))

    @classmethod
    def of(cls, arrays: tuple[Floats, ...], params: FederatedParams) -> Server:
        """From :attr:`arrays`."""
        if params.strategy == "fedadam":
            return cls(arrays[0], (arrays[1], arrays[2]), None)
        return cls(arrays[0], None, arrays[1] if params.strategy == "scaffold" else None)

    def after(self, change: Floats, params: FederatedParams, control: Floats | None = None) -> Server:
        """After a round.

        :param change: (n,) the mean of the parties' changes.
        :param control: (n,) of SCAFFOLD, by how much the mean of the parties' own variates has changed.
        """
        if self.moments is not None:
            return self._adam(change, params)
        moved = replace(self, weights=self.weights + params.step * change)
        if self.control is None or control is None:
            return moved
        return replace(moved, control=self.control + control)

    def _adam(self, change: Floats, params: FederatedParams) -> Server:
        assert self.moments is not None
        (first, second), (fast, slow) = self.moments, params.server_betas
        first = fast * first + (1 - fast) * change
        second = slow * second + (1 - slow) * (change * change)
        step = params.step * first / (np.sqrt(second) + params.server_tau)
        return replace(self, weights=self.weights + step, moments=(first, second))
