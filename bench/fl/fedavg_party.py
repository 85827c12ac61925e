"""Our federated averaging: all clients and the coordinator in one process, a thread each.

    python -m bench.fl.fedavg_party SPEC.json RESULT.json

Sums go over meshes of queues, masked as in a job; or, in the open, are added up right here.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: F401 - its import is not what is measured

from coterie.fl import LocalSums, MeshSums, Sums, coordinate
from coterie.learn.neural.fl import (
    Arrays,
    FederatedParams,
    Found,
    Local,
    Perceptron,
    Rows,
    Setting,
    Trained,
    run_rounds,
)
from coterie.wire import local_meshes

HUB, STEP = "hub", "fedavg"
RUN, KEY = b"r" * 32, b"k" * 32
ONE = threading.Lock()
"""Clients train one after the other, as the peer's do: in one process they would only wait for each other."""


class Watched(Perceptron):
    """Begins with given weights, and keeps those that each round begins with at one client."""

    def __init__(self, sizes: tuple[int, ...], first: Arrays) -> None:
        super().__init__(sizes, "relu")
        self.seen: list[Arrays] = []
        self._first = first

    def initial(self, seed: bytes) -> Arrays:  # noqa: ARG002
        return self._first

    def train(
        self, weights: Arrays, rows: Rows, local: Local, seed: bytes, correction: Arrays | None = None
    ) -> Trained:
        self.seen.append(weights)
        with ONE:
            return super().train(weights, rows, local, seed, correction)


def train(spec: dict[str, Any], images: Any) -> tuple[float, list[Arrays]]:
    """Processor seconds of all, and the network after each round."""
    clients, sizes = tuple(spec["clients"]), tuple(spec["sizes"])
    params = FederatedParams(
        task="classes",
        classes=sizes[-1],
        optimizer="sgd",
        alpha=0,
        early_stopping=None,
        rounds=spec["rounds"],
        learning_rate=spec["learning_rate"],
        batch_rows=spec["batch_rows"],
        local_epochs=spec["local_epochs"],
    )
    first = [images[f"first-{number}"] for number in range(2 * (len(sizes) - 1))]
    rows = {name: Rows(images[f"{name}-pixels"], images[f"{name}-digits"]) for name in clients}
    trainers = {name: Watched(sizes, first) for name in clients}
    counts = {name: len(one) for name, one in rows.items()}
    setting = Setting(params, Perceptron(sizes, "relu").layout, counts, RUN, 1, looks=False)

    def at(name: str, sums: Sums) -> Found:
        none = Rows(np.zeros((0, sizes[0]), np.float32), np.zeros(0, np.float32))
        return run_rounds(setting, sums, trainers[name], rows[name], none)

    began = time.process_time()
    found = (masked if spec["masked"] else in_open)(clients, at)
    return time.process_time() - began, [*trainers[clients[0]].seen[1:], found.weights]


def in_open(clients: tuple[str, ...], at: Callable[[str, Sums], Found]) -> Found:
    """Sums without masks."""
    sums = LocalSums.group(*clients)
    with ThreadPoolExecutor(len(clients)) as pool:
        return next(iter(pool.map(lambda name: at(name, sums[name]), clients)))


def masked(clients: tuple[str, ...], at: Callable[[str, Sums], Found]) -> Found:
    """Sums as in a job with a hub that adds up."""
    meshes = local_meshes((*clients, HUB))

    def part(name: str) -> Found | None:
        mesh = meshes[name]
        with mesh.step(STEP):
            if name == HUB:
                coordinate(mesh, clients, RUN)
                return None
            sums = MeshSums(mesh, clients, HUB, RUN, KEY)
            found = at(name, sums)
            sums.close()
            return found

    with ThreadPoolExecutor(len(meshes)) as pool:
        found = [*pool.map(part, (*clients, HUB))][0]  # noqa: RUF015 - all have to end
    assert found is not None
    return found


def main(spec_path: str, result_path: str) -> None:
    folder = Path(spec_path).parent
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    with np.load(folder / "images.npz", allow_pickle=False) as file:
        images = {name: file[name] for name in file.files}
    seconds, networks = train(spec, images)
    arrays = {
        f"{done}-{number}": one for done, network in enumerate(networks) for number, one in enumerate(network)
    }
    np.savez(folder / "networks.npz", **arrays)
    Path(result_path).write_text(json.dumps({"seconds": seconds}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
