"""Federated averaging by Flower: one process, run by the interpreter of Flower's own environment.

    python flower_fedavg.py SPEC.json RESULT.json

Its server is ``DefaultWorkflow`` with the strategy ``FedAvg``, each client a ``NumPyClient`` whose training
is the loop that ours has, from its file: it needs PyTorch, which is taken from our environment, behind the
packages of Flower's. Between them stands a grid in place of a network: messages are objects all the way.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
import types
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Context, Message, RecordDict
from flwr.client import NumPyClient
from flwr.clientapp import ClientApp
from flwr.common import ndarrays_to_parameters
from flwr.server import LegacyContext, ServerConfig, SimpleClientManager
from flwr.server.strategy import FedAvg
from flwr.server.workflow import DefaultWorkflow
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

RUN, SERVER, FIRST = 1, 1, 1000
"""Ids: of the run, of the server, of the first client."""


def modules(spec: dict[str, Any]) -> tuple[Any, Any]:
    """Our loop of training at home and its data classes, without the package around them."""
    sys.path.append(spec["packages"])
    package = types.ModuleType("loop")
    package.__path__ = [spec["loop"]]
    sys.modules["loop"] = package
    return importlib.import_module("loop.trainer"), importlib.import_module("loop.torch_loop")


class Trained(NumPyClient):
    """A client with its own images."""

    def __init__(self, spec: dict[str, Any], images: Any, place: int, loop: tuple[Any, Any]) -> None:
        name = spec["clients"][place]
        self.trainer, self.loop = loop
        self.rows = self.trainer.Rows(images[f"{name}-pixels"], images[f"{name}-digits"])
        self.spec, self.place, self.round = spec, place, 0

    def fit(self, parameters: Any, config: Any) -> tuple[Any, int, dict[str, Any]]:  # noqa: ARG002
        import torch

        spec, sizes = self.spec, self.spec["sizes"]
        network = torch.nn.Sequential(
            torch.nn.Linear(sizes[0], sizes[1]), torch.nn.ReLU(), torch.nn.Linear(sizes[1], sizes[2])
        )
        with torch.no_grad():
            for parameter, given in zip(network.parameters(), parameters, strict=True):
                parameter.copy_(torch.from_numpy(given))
        local = self.trainer.Local(
            task="classes",
            outputs=sizes[-1],
            optimizer="sgd",
            momentum=0.0,
            learning_rate=spec["learning_rate"],
            alpha=0.0,
            batch_rows=spec["batch_rows"],
            epochs=spec["local_epochs"],
            mu=0.0,
            threads=1,
        )
        seed = (1000 * self.round + self.place).to_bytes(32, "little")
        self.round += 1
        self.loop.train_network(network, self.rows, local, seed)
        return [one.detach().numpy() for one in network.parameters()], len(self.rows), {}


class Clients(Grid):
    """All clients in this process."""

    def __init__(self, clients: list[Trained]) -> None:
        self.clients = {FIRST + place: one.to_client() for place, one in enumerate(clients)}
        self.contexts = {node: Context(RUN, node, {}, RecordDict(), {}) for node in self.clients}
        self.app = ClientApp(lambda context: self.clients[context.node_id])

    def send_and_receive(
        self,
        messages: Iterable[Message],
        *,
        timeout: float | None = None,  # noqa: ARG002
    ) -> list[Message]:
        """Each client's answer, one after the other."""
        return [self.app(message, self.contexts[message.metadata.dst_node_id]) for message in messages]

    def get_node_ids(self) -> list[int]:
        return list(self.contexts)

    run = property(lambda _: types.SimpleNamespace(run_id=RUN))

    # A grid has these too; the workflow calls none of them.

    def set_run(self, run: Any) -> None:
        raise NotImplementedError

    def create_message(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def push_messages(self, messages: Any) -> Any:
        raise NotImplementedError

    def pull_messages(self, message_ids: Any) -> Any:
        raise NotImplementedError


def train(spec: dict[str, Any], images: Any) -> tuple[float, list[list[Any]]]:
    """Processor seconds of all, and the network after each round."""
    loop, count = modules(spec), len(spec["clients"])
    first = [images[f"first-{number}"] for number in range(2 * (len(spec["sizes"]) - 1))]
    networks: list[list[Any]] = []

    def noted(done: int, arrays: Any, config: Any) -> None:  # noqa: ARG001
        if done:
            networks.append(arrays)

    strategy = FedAvg(
        fraction_evaluate=0.0,
        min_fit_clients=count,
        min_available_clients=count,
        initial_parameters=ndarrays_to_parameters(first),
        evaluate_fn=noted,
    )
    clients = Clients([Trained(spec, images, place, loop) for place in range(count)])
    context = LegacyContext(
        Context(RUN, SERVER, {}, RecordDict(), {}),
        ServerConfig(num_rounds=spec["rounds"]),
        strategy,
        SimpleClientManager(),
    )
    began = time.process_time()
    DefaultWorkflow()(clients, context)
    return time.process_time() - began, networks


def main(spec_path: str, result_path: str) -> None:
    folder = Path(spec_path).parent
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    logging.getLogger("flwr").setLevel(logging.ERROR)
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = RUN, SERVER, 1
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
