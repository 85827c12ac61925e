"""The secure processing unit, 0.9.5, beside which Coterie is measured: a process for each party, brpc links.

SEMI2K between two parties (its default: correlations from the first party, who is trusted with them), ABY3
among three; of its set intersections those of two parties.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bench.line import LOOPBACK, Shape
from bench.peers import python_of
from bench.processes import Done, free_ports, run_together
from bench.shaper import Shaper, shaped

VERSION = "0.9.5"
PARTIES = {"SEMI2K": 2, "ABY3": 3, "RR22": 2, "KKRT": 2, "ECDH": 2}
SECONDS = 1800


def run(
    script: Path, protocol: str, spec: dict[str, Any], folder: Path, shape: Shape = LOOPBACK
) -> list[Done]:
    """Run a script at every party, in fresh processes; what they left, by rank.

    The script is called with the specification's path, the rank, and the path for its result.

    :param spec: what the script needs; ``protocol`` and ``ports`` for ``spu_runtime.Party`` are added.
    :param folder: for inputs, results and logs.
    :raises PeerMissing: where SPU cannot be installed.
    :raises RuntimeError: where a party fails.
    """
    python = python_of("spu", (3, 11))
    world = PARTIES[protocol]
    ports = free_ports(world)
    path = folder / f"{protocol}.json"
    with shaped(shape) as shaper:
        seen = [[_port(shaper, rank, peer, ports) for peer in range(world)] for rank in range(world)]
        path.write_text(json.dumps(spec | {"protocol": protocol, "ports": seen}), encoding="utf-8")
        commands = {f"{protocol}.{rank}": (python, "-P", script, path, rank) for rank in range(world)}
        return list(run_together(commands, folder, SECONDS).values())


def _port(shaper: Shaper | None, rank: int, peer: int, ports: list[int]) -> int:
    """Where a rank finds a peer, or itself listens."""
    if rank == peer or shaper is None:
        return ports[peer]
    return shaper.gate(f"rank {rank}", f"rank {peer}", ports[peer]).port


def sent(log: str) -> list[int]:
    """Bytes that a party sent in each run of a program, from SPU's own log."""
    return [int(count) for count in re.findall(r"Link details: total send bytes (\d+)", log)]
