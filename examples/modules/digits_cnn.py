"""A network for pictures of 8 x 8 points: two convolutions and a layer over what they have found.

A module is one file. Coterie calls `build` in a sandbox, with the number of features, the number of outputs
(one for two classes and for numbers), and the job's `settings`; and trains what it gives.
"""

from typing import Any

import torch
from torch import nn


class Pictures(nn.Module):
    """Rows are pictures, point by point from the upper left; (rows, inputs) to (rows, outputs) log-odds."""

    def __init__(self, side: int, outputs: int, channels: int) -> None:
        super().__init__()
        self.side = side
        self.first = nn.Conv2d(1, channels, kernel_size=3, padding=1)
        self.second = nn.Conv2d(channels, 2 * channels, kernel_size=3, padding=1)
        self.last = nn.Linear(2 * channels * (side // 4) ** 2, outputs)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        found = rows.reshape(-1, 1, self.side, self.side)
        for layer in (self.first, self.second):
            found = torch.max_pool2d(torch.relu(layer(found)), 2)
        return self.last(found.flatten(1))


def build(inputs: int, outputs: int, settings: dict[str, Any]) -> nn.Module:
    """What Coterie calls: random numbers of torch are begun by the job's seed, alike at all parties."""
    side = round(inputs**0.5)
    if side * side != inputs or side % 4:
        raise ValueError(f"{inputs} features are no square picture whose side is a multiple of 4")
    return Pictures(side, outputs, settings.get("channels", 8))
