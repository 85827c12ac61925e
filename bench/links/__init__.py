"""Links between two processes on loopback, beside plain TLS sockets and gRPC that do the same work."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from bench.links import grpc_side
from bench.links.work import LARGE_BYTES, ROUNDS, WORKS
from bench.peers import PeerMissing
from bench.records import Record, compare
from coterie.crypto import Identity

__all__ = ["METHOD", "benchmark"]

METHOD = """Two processes, TLS 1.3 with both certificates, loopback TCP.

- *Ours*: `LinkMesh`, one link; sequence numbers, acknowledgements, accounting, arrays handed to the program.
  `without driving` has the link's own thread read and write for the program.
- *ssl*: blocking sockets of Python's standard library over the same OpenSSL: `sendall` of the array,
  `recv_into` an array that is made anew each time. It survives no lost connection and accounts nothing.
- *grpc*: one stream in both directions of grpcio, in an environment of its own, pieces of 1 MiB as they are,
  no protobuf, keys of P-256. It survives no lost connection either.
- `round_trip`: 64 bytes there and back. `exchange`: both send 64 bytes, then both receive: a round of MPC.
  Seconds for one of them. `one_way`: an array of 80 MiB, seconds for one. `both_ways`: one in each direction
  at once, which blocking sockets cannot do."""


SIDES = ("ours", "ssl", "ours without driving", "grpc")


def benchmark(
    *, turns: int, works: Sequence[str] | None, without: frozenset[str]
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure the sides in turn.

    :param works: names of works; all where None.
    :param without: sides to leave out: "ours", "ours without driving", "ssl", "grpc".
    """
    runs: list[dict[str, Any]] = []
    missing: list[Record] = []
    with TemporaryDirectory() as folder:
        homes = [Path(folder) / name for name in ("alpha", "beta")]
        for home in homes:
            Identity.create(home, home.name)
        for _ in range(turns):
            for side in SIDES:
                if side in without or missing:
                    continue
                try:
                    runs += _measure(side, homes)
                except PeerMissing as error:
                    missing.append(Record("grpc", peer="grpc", note=f"not measured: {error}"))
    records = missing
    for work in WORKS:
        if works and work not in works:
            continue
        ours = _median(runs, "ours", work)
        for peer in ("ssl", "grpc", "ours without driving"):
            records.append(
                compare(
                    work, ours_s=ours, peer=peer, peer_s=_median(runs, peer, work), note=_note(work, ours)
                )
            )
    return records, runs


def _measure(side: str, homes: list[Path]) -> list[dict[str, Any]]:
    found: dict[str, float]
    if side == "grpc":
        found = grpc_side.measure()
    else:
        command = [sys.executable, "-m", "bench.links.side", side, *map(str, homes)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
    return [{"side": side, "work": work, "seconds": seconds} for work, seconds in found.items()]


def _median(runs: list[dict[str, Any]], side: str, work: str) -> float | None:
    found = [run["seconds"] for run in runs if run["side"] == side and run["work"] == work]
    return median(found) if found else None


def _note(work: str, ours: float | None) -> str | None:
    if ours is None:
        return None
    if work in ("one_way", "both_ways"):
        return f"{LARGE_BYTES / ours / 1e6:.0f} MB/s each way"
    return f"{ours * 1e6:.0f} microseconds, mean of {ROUNDS}"
