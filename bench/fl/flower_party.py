"""A secure sum by Flower's SecAgg+: one process, run by the interpreter of Flower's own environment.

    python flower_party.py SPEC.json RESULT.json

Its server is ``SecAggPlusWorkflow``, each client a ``ClientApp`` with ``secaggplus_mod``. Between them stands
this file's grid instead of a network: messages go through Flower's own protobuf, as they would over gRPC.
Clocks are the process's processor time, of all threads. They run in the workflow and in the clients' apps,
and stand while messages are serialised (told apart) and vectors are made.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.client import Client
from flwr.client.mod import secaggplus_mod
from flwr.clientapp import ClientApp
from flwr.common import (
    Code,
    FitIns,
    FitRes,
    Parameters,
    Status,
    ndarrays_to_parameters,
    parameters_to_ndarrays,
)
from flwr.common.secure_aggregation.secaggplus_constants import RECORD_KEY_CONFIGS, Key, Stage
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto.message_pb2 import Message as Proto
from flwr.server import LegacyContext, ServerConfig, SimpleClientManager
from flwr.server.compat.grid_client_proxy import GridClientProxy
from flwr.server.strategy import FedAvg
from flwr.server.workflow import SecAggPlusWorkflow
from flwr.server.workflow.constant import MAIN_CONFIGS_RECORD, MAIN_PARAMS_RECORD
from flwr.server.workflow.constant import Key as WorkflowKey
from flwr.serverapp import Grid
from flwr.supercore.task_identity import TaskIdentity

from bench import machine
from bench.vectors import values

RUN, SERVER, FIRST = 1, 1, 1000
"""Ids: of the run, of the server, of the first client."""


class Clients(Grid):
    """All clients in this process; each is one app's state."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.app = ClientApp(lambda _: self.client, mods=[secaggplus_mod])
        nodes = [FIRST + index for index in range(spec["clients"])]
        self.contexts = {node: Context(RUN, node, {}, RecordDict(), {}) for node in nodes}
        self.dropped = set(nodes[: spec["dropped"]])
        self.client: Client = Trained(ndarrays_to_parameters([np.zeros(1)]))
        self.truth = np.zeros(spec["values"])
        self.up = dict.fromkeys(nodes, 0)
        self.down = dict.fromkeys(nodes, 0)
        self.seconds = {"clients": 0.0, "wire": 0.0, "all": 0.0}
        self.stages: dict[str, float] = {}

    def send_and_receive(
        self,
        messages: Iterable[Message],
        *,
        timeout: float | None = None,  # noqa: ARG002
    ) -> list[Message]:
        """Each client's answers; none of those that are gone."""
        began = time.process_time()
        replies = [reply for message in messages for reply in self._asked(message)]
        self.seconds["all"] += time.process_time() - began
        return replies

    def _asked(self, message: Message) -> list[Message]:
        node = message.metadata.dst_node_id
        stage = str(message.content.config_records[RECORD_KEY_CONFIGS][Key.STAGE])
        if node in self.dropped and stage in (Stage.COLLECT_MASKED_VECTORS, Stage.UNMASK):
            return []
        if stage == Stage.COLLECT_MASKED_VECTORS:
            vector = values(node - FIRST, self.spec["values"])
            self.truth += vector
            self.client = Trained(ndarrays_to_parameters([vector]))
        asked = self._carried(message, node, self.down)
        began = time.process_time()
        reply = self.app(asked, self.contexts[node])
        spent = time.process_time() - began
        self.seconds["clients"] += spent
        self.stages[stage] = self.stages.get(stage, 0.0) + spent
        return [self._carried(reply, node, self.up)]

    def _carried(self, message: Message, node: int, bytes_of: dict[int, int]) -> Message:
        """The message as the other end reads it."""
        began = time.process_time()
        content = message_to_proto(message).SerializeToString()
        carried = message_from_proto(Proto.FromString(content))
        self.seconds["wire"] += time.process_time() - began
        bytes_of[node] += len(content)
        return carried

    def get_node_ids(self) -> list[int]:
        return list(self.contexts)

    # A grid has these too; the workflow calls none of them.
    run = property(lambda _: None)

    def set_run(self, run: Any) -> None:
        raise NotImplementedError

    def create_message(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    def push_messages(self, messages: Any) -> Any:
        raise NotImplementedError

    def pull_messages(self, message_ids: Any) -> Any:
        raise NotImplementedError


class Trained(Client):
    """A client whose training is done."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters

    def fit(self, ins: FitIns) -> FitRes:  # noqa: ARG002
        return FitRes(Status(Code.OK, ""), self.parameters, num_examples=1, metrics={})


class Kept(FedAvg):
    """Takes the mean that the workflow gives to be the result, as it is."""

    mean: Parameters | None = None

    def aggregate_fit(self, _round: int, results: Any, _failures: Any) -> Any:
        self.mean = results[0][1].parameters
        return self.mean, {}


def context_of(clients: Clients, strategy: FedAvg) -> LegacyContext:
    """What the workflow wants to know: all clients take part, with nothing to start from."""
    manager = SimpleClientManager()
    for node in clients.get_node_ids():
        manager.register(GridClientProxy(node, clients, RUN))
    context = LegacyContext(
        Context(RUN, SERVER, {}, RecordDict(), {}), ServerConfig(num_rounds=1), strategy, manager
    )
    context.state.config_records[MAIN_CONFIGS_RECORD] = ConfigRecord({WorkflowKey.CURRENT_ROUND: 1})
    context.state.array_records[MAIN_PARAMS_RECORD] = ArrayRecord([np.zeros(1)])
    return context


def main(spec_path: str, result_path: str) -> None:
    """Sum once, write what it took."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    logging.getLogger("flwr").setLevel(logging.ERROR)
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = RUN, SERVER, 1
    clients, strategy = (
        Clients(spec),
        Kept(min_fit_clients=spec["clients"], min_available_clients=spec["clients"]),
    )
    context = context_of(clients, strategy)
    workflow = SecAggPlusWorkflow(
        spec["shares"],
        spec["threshold"],
        max_weight=1.0,
        clipping_range=spec["range"],
        quantization_range=spec["steps"],
        modulus_range=2**32,
    )
    began, started = time.process_time(), time.perf_counter()
    workflow(clients, context)
    seconds, processor = time.perf_counter() - started, time.process_time() - began
    if strategy.mean is None:
        raise RuntimeError("the workflow halted")
    (mean,) = parameters_to_ndarrays(strategy.mean)
    left = [node for node in clients.get_node_ids() if node not in clients.dropped]
    result = {
        "wall_s": seconds,
        "clients_s": clients.seconds["clients"],
        "server_s": processor - clients.seconds["all"],
        "wire_s": clients.seconds["wire"],
        "parts": clients.stages,
        "sent": max(clients.up[node] for node in left),
        "received": max(clients.down[node] for node in left),
        "error": float(np.abs(mean * len(left) - clients.truth).max()),
        "memory": machine.peak(),
    }
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
