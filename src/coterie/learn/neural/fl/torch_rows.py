"""The gradient of each row on its own, as differential privacy of records needs it."""

from __future__ import annotations

from typing import Any

import torch

from .torch_loop import row_losses
from .trainer import Floats, Local, Rows

__all__ = ["row_gradients"]


def row_gradients(network: Any, rows: Rows, local: Local) -> Floats:
    """(rows, numbers) of every row's own loss, without penalties, in the order of the parameters."""
    torch.set_num_threads(local.threads)
    network.eval()
    names = [name for name, _ in network.named_parameters()]
    given = {name: one.detach() for name, one in network.named_parameters()}

    def loss(parameters: dict[str, Any], features: Any, label: Any) -> Any:
        outputs = torch.func.functional_call(network, parameters, (features[None],))
        return row_losses(outputs, label[None], local)[0]

    each = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))
    found = each(given, torch.from_numpy(rows.features), torch.from_numpy(rows.label))
    flat = torch.cat([found[name].reshape(len(rows), -1) for name in names], dim=1)
    gradients: Floats = flat.double().numpy()
    return gradients
