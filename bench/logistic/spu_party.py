"""One party of the SPU side: a process of its own, run by the interpreter of SPU's own environment.

    python spu_party.py SPEC.json RANK RESULT.json

It shares its inputs over the link, then runs each program of the specification. SPU itself logs what each
program has sent ("Link details"), in the order of the programs.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import spu
from spu import libspu
from spu.experimental import make_cached_var
from spu.utils import frontend

SECRET = libspu.Visibility.VIS_SECRET
MINUTES = 600_000


def status(name: str) -> int:
    """Bytes of VmRSS or VmHWM of this process."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def sigmoids(name: str) -> Any:
    """``exact``: as jax.nn.sigmoid lowers, exponential and reciprocal. ``segments``: 0, 1/2 + z/8, 1."""
    return {"exact": jax.nn.sigmoid, "segments": lambda z: jnp.clip(0.5 + 0.125 * z, 0.0, 1.0)}[name]


def program(spec: dict[str, Any], sigmoid: str, cached: bool) -> Any:
    """Gradient descent in JAX over the two parties' columns, passes unrolled."""
    activation = sigmoids(sigmoid)
    step = spec["step"]

    def descend(left: Any, right: Any, label: Any, start: Any) -> Any:
        if cached:
            left, right = make_cached_var(left), make_cached_var(right)
        edge = 1 + left.shape[1]
        intercept, w_left, w_right = start[:1], start[1:edge], start[edge:]
        for _ in range(spec["passes"]):
            error = activation(intercept + left @ w_left + right @ w_right) - label
            intercept = intercept - step * jnp.sum(error)
            w_left = w_left - step * (left.T @ error)
            w_right = w_right - step * (right.T @ error)
        return jnp.concatenate([intercept, w_left, w_right])

    return descend


class Party:
    """SPU's runtime of one rank, and its links."""

    def __init__(self, spec: dict[str, Any], rank: int) -> None:
        self.spec, self.rank, self.world = spec, rank, len(spec["ports"])
        links = libspu.link.Desc()
        links.recv_timeout_ms = links.http_timeout_ms = MINUTES
        for index, port in enumerate(spec["ports"]):
            links.add_party(f"party{index}", f"127.0.0.1:{port}")
        self.link = libspu.link.create_brpc(links, rank)
        config = libspu.RuntimeConfig(
            protocol=getattr(libspu.ProtocolKind, spec["protocol"]),
            field=libspu.FieldType.FM64,
            fxp_fraction_bits=18,
        )
        config.enable_pphlo_profile = True
        self.io = spu.Io(self.world, config)
        self.runtime = spu.Runtime(self.link, config)

    def share(self, name: str, owner: int, path: Path) -> tuple[float, int]:
        """Share one owner's array with everybody. Returns seconds and bytes that this party sent."""
        array = np.load(path) if self.rank == owner else None
        self.link.barrier()
        started, sent = time.perf_counter(), 0
        if array is not None:
            shares = self.io.make_shares(array, SECRET)
            mine = shares[self.rank]
            for other in (rank for rank in range(self.world) if rank != owner):
                self.link.send(other, json.dumps(len(shares[other].share_chunks)))
                for part in (shares[other].meta, *shares[other].share_chunks):
                    self.link.send(other, part)
                    sent += len(part)
        else:
            mine = libspu.Share()
            chunks = json.loads(self.link.recv(owner))
            mine.meta = self.link.recv(owner)
            mine.share_chunks = [self.link.recv(owner) for _ in range(chunks)]
        self.runtime.set_var(name, mine)
        self.link.barrier()
        return time.perf_counter() - started, sent

    def compile(self, name: str, sigmoid: str, cached: bool) -> Any:
        """The program's executable; equal at every party."""
        rows, left, right = (self.spec[what] for what in ("rows", "left", "right"))
        shapes = [
            np.zeros(shape, np.float32)
            for shape in ((rows, left), (rows, right), (rows,), (1 + left + right,))
        ]
        descend = program(self.spec, sigmoid, cached)
        inputs, kinds = ["left", "right", "label", "start"], [SECRET] * 4
        return frontend.compile(frontend.Kind.JAX, descend, shapes, {}, inputs, kinds, lambda _: [name])[0]

    def reveal(self, name: str) -> list[float] | None:
        """The value, at rank 0."""
        mine = self.runtime.get_var(name)
        if self.rank:
            self.link.send(0, mine.meta)
            self.link.send(0, mine.share_chunks[0])
            return None
        shares = [mine]
        for other in range(1, self.world):
            share = libspu.Share()
            share.meta = self.link.recv(other)
            share.share_chunks = [self.link.recv(other)]
            shares.append(share)
        return [float(value) for value in self.io.reconstruct(shares)]


def main(spec_path: str, rank: str, result_path: str) -> None:
    """Share, run every program, write the result."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    party = Party(spec, int(rank))
    party.link.barrier()
    idle = status("VmRSS")
    folder = Path(spec["folder"])
    inputs = [
        party.share(name, owner, folder / f"{name}.npy")
        for name, owner in (("left", 0), ("right", 1), ("label", 0), ("start", 0))
    ]
    programs = []
    for name, sigmoid, cached in spec["programs"]:
        executable = party.compile(name, sigmoid, cached)
        party.link.barrier()
        started = time.perf_counter()
        party.runtime.run(executable)
        seconds = time.perf_counter() - started
        memory = status("VmHWM") - idle
        programs.append({"seconds": seconds, "memory": memory, "coefficients": party.reveal(name)})
    result = {
        "input_s": sum(seconds for seconds, _ in inputs),
        "input_bytes": sum(sent for _, sent in inputs),
        "programs": programs,
    }
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
    party.link.barrier()
    party.link.stop_link()


if __name__ == "__main__":
    main(*sys.argv[1:])
