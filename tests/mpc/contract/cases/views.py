"""Views, of numbers and of truth values."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.mpc.contract.case import Arrays, Case, multiples, number, truth

X, Y = multiples(4, 3), multiples(4, 3, seed=1)
T, U = np.random.default_rng(2).integers(0, 2, (2, 4, 3)).astype(bool)
PLACES = np.array([[3, 0], [1, 1]])


def _views(ctx: Any, a: Arrays) -> dict[str, Any]:
    if ctx is not None and a.x.form.item_bytes == 8:
        ctx.open(a.y)
    return {
        "row": a.x[2],
        "backwards": a.x[::-1, 1:],
        "picked": a.x[:, [2, 0]],
        "new axis": a.x[:, None, 0],
        "taken": np.take(a.x, PLACES, axis=0),
        "reshaped": np.reshape(a.x, (2, -1)),
        "transposed": a.x.T,
        "broadcast": np.broadcast_to(a.x[:, :1], (2, 4, 3)),
        "joined": np.concatenate([a.x, a.y], axis=1),
        "stacked": np.stack([a.x, a.y]),
        "flipped": np.flip(a.y, axis=1),
        "of opened": a.y[1:3].reshape(6),
    }


CASES = [
    Case("views of numbers", _views, {"x": number(X), "y": number(Y, owner=1)}),
    Case("views of truth values", _views, {"x": truth(T), "y": truth(U, owner=1)}),
]
