"""Real daemons in processes of their own, each behind a gate that can be hurt: three parties and a hub."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from coterie.client import Client
from coterie.crypto import now
from coterie.errors import CoterieError
from coterie.node import init_node
from coterie.tee import RUNNER_MODULE, Sandbox, SimulatedHome, ensure_image
from soak.data import Data, write
from soak.proxy import HOST, Gate, Proxy

PARTIES = ("alpha", "beta", "gamma")
HUB = "hub"
NODES = (*PARTIES, HUB)
START_SECONDS = 60.0
STOP_SECONDS = 40.0
FIRST_PORT, LAST_PORT = 21_000, 24_000


class StartError(RuntimeError):
    """A node did not come up."""


def free_port() -> int:
    """A port that nobody has, below those that systems give to callers."""
    for port in range(FIRST_PORT + os.getpid() % 2_000, LAST_PORT):
        if port in _GIVEN:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        _GIVEN.add(port)
        return port
    raise OSError("no port is free")


_GIVEN: set[int] = set()


class Node:
    """One daemon. Like a service manager, who starts it again is told by nobody why it ended."""

    def __init__(
        self, home: Path, name: str, gate: Gate, port: int, settings: dict[str, Any], patience: float
    ) -> None:
        role: Any = "hub" if name == HUB else "node"
        init_node(home, name, f"{HOST}:{port}", f"{HOST}:{gate.port}", role, patience)
        with (home / "node.yaml").open("a", encoding="utf-8") as file:
            file.write(yaml.safe_dump(settings))
        self.home, self.name, self.gate = home, name, gate
        self.client = Client(home=home, timeout=20.0)
        self.restarting = threading.Lock()
        """Held while it is down."""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Begin to start it."""
        command = [sys.executable, "-c", "import sys; from coterie.cli import main; sys.exit(main())"]
        with (self.home / "console.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--home", str(self.home), "node", "start"], stdout=log, stderr=subprocess.STDOUT
            )

    def await_up(self) -> None:
        """:raises StartError: it does not come up."""
        deadline = time.monotonic() + START_SECONDS
        while not self.is_up():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"{self.name} does not come up; see {self.home / 'console.log'}")
            time.sleep(0.1)

    def is_up(self) -> bool:
        """Whether it answers."""
        try:
            self.client.health()
        except CoterieError:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def kill_if_there(self) -> None:
        """Leave nothing behind, whatever has happened."""
        self.client.close()
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def stop(self) -> int | None:
        """Ask it to end; its status, None where it had to be killed."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return None


@dataclass
class World:
    """All of it."""

    nodes: dict[str, Node]
    folder: Path
    agreements: dict[str, str] = field(default_factory=dict)
    """By kind of job."""
    image: Path | None = None
    """Of attested runners."""

    def client(self, name: str) -> Client:
        return self.nodes[name].client


def build(folder: Path, proxy: Proxy, data: Data, *, patience: float, tee: bool) -> World:
    """Start all nodes, introduce everybody to everybody, register the tables."""
    settings: dict[str, Any] = {"resume": {"attempts": 1000, "wait": "1h"}}
    image = None
    if tee:
        image = ensure_image(folder / "image")
        settings["tee"] = {"release": str(image), "runs": 2}
    nodes = {}
    for name in NODES:
        port = free_port()
        gate = proxy.gate(name, port, free_port())
        nodes[name] = Node(folder / "homes" / name, name, gate, port, settings, patience)
    world = World(nodes, folder, image=image)
    for node in nodes.values():
        node.start()
    for node in nodes.values():
        node.await_up()
    for number, inviter in enumerate(NODES):
        for guest in NODES[number + 1 :]:
            world.client(guest).accept(str(world.client(inviter).invite(hours=1).text))
    for (party, dataset), table in data.tables.items():
        place = folder / "data" / party
        place.mkdir(parents=True, exist_ok=True)
        write(table, place / f"{dataset}.csv")
        columns = [column(name) for name in table]
        source = {"kind": "csv", "path": f"{dataset}.csv"}
        spec = {"name": dataset, "source": source, "id_rule": ["nfkc", "trim", "lower"], "columns": columns}
        world.client(party).add_dataset(yaml.safe_dump(spec), place)
    return world


def column(name: str) -> dict[str, str]:
    """A column as its owner describes it."""
    known = {
        "person": {"type": "text", "role": "id"},
        "bad": {"type": "int", "role": "label"},
        "amount": {"type": "float"},
        "account": {"type": "int"},
    }
    return {"name": name, **known[name]}


def agree(world: World, kind: str, terms: dict[str, Any]) -> None:
    """Have all parties of these terms sign them."""
    if terms["engines"] == ["tee"]:
        assert world.image is not None
        measured = Sandbox(world.image, RUNNER_MODULE).measure().measurement
        root = SimulatedHome(world.nodes[HUB].home / "tee" / "simulated", now()).pin
        terms["tee"] = {
            "host": HUB,
            "platform": {"types": ["sim"], "simulated": True, "chips": "any"},
            "measurements": {"sim": [{"measurement": measured.hex()}]},
            "simulated_roots": [root],
            "max_output_bytes": 4_000_000,
            "attempts": 1000,
        }
    first, *others = terms["parties"]
    draft = world.client(first).draft_agreement(json.dumps(terms))
    if others:
        world.client(first).offer_agreement(draft.id)
    for party in terms["parties"]:
        world.client(party).sign_agreement(draft.id)
    deadline = time.monotonic() + 20
    while world.client(first).agreement(draft.id).state != "active":
        if time.monotonic() > deadline:
            raise StartError(f"the agreement for {kind} is not in force")
        time.sleep(0.1)
    world.agreements[kind] = draft.id
