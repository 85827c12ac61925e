"""One party of SPU: its links, inputs, programs and results. For the interpreter of SPU's environment."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import spu
from spu import libspu
from spu.utils import frontend

from bench.spu_link import connected

SECRET = libspu.Visibility.VIS_SECRET


def status(name: str) -> int:
    """Bytes of VmRSS or VmHWM of this process."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


class Party:
    """SPU's runtime of one rank. 64-bit ring, 18 fractional bits.

    :param spec: ``protocol``; ``ports``: for each rank the ports that it listens at and dials.
    """

    def __init__(self, spec: dict[str, Any], rank: int) -> None:
        self.spec, self.rank, self.world = spec, rank, len(spec["ports"])
        self.link = connected(spec["ports"][rank], rank)
        self.configure({})

    def configure(self, settings: dict[str, Any]) -> None:
        """A new runtime, without variables.

        :param settings: of SPU's RuntimeConfig, by name; names of its constants as text.
        """
        config = libspu.RuntimeConfig(
            protocol=getattr(libspu.ProtocolKind, self.spec["protocol"]),
            field=libspu.FieldType.FM64,
            fxp_fraction_bits=18,
        )
        config.enable_pphlo_profile = True
        for name, value in settings.items():
            constant = getattr(libspu.RuntimeConfig, value) if isinstance(value, str) else value
            setattr(config, name, constant)
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
                sent += self._send(other, shares[other])
        else:
            mine = self._receive(owner)
        self.runtime.set_var(name, mine)
        self.link.barrier()
        return time.perf_counter() - started, sent

    def _send(self, other: int, share: Any) -> int:
        self.link.send(other, json.dumps(len(share.share_chunks)))
        parts = (share.meta, *share.share_chunks)
        for part in parts:
            self.link.send(other, part)
        return sum(map(len, parts))

    def _receive(self, other: int) -> Any:
        share = libspu.Share()
        chunks = json.loads(self.link.recv(other))
        share.meta = self.link.recv(other)
        share.share_chunks = [self.link.recv(other) for _ in range(chunks)]
        return share

    def compile(self, function: Any, names: list[str], shapes: list[Any], result: str) -> Any:
        """The executable of a JAX function of secret float32 arrays; equal at every party."""
        arguments = [np.zeros(shape, np.float32) for shape in shapes]
        kinds = [SECRET] * len(names)
        return frontend.compile(frontend.Kind.JAX, function, arguments, {}, names, kinds, lambda _: [result])[
            0
        ]

    def run(self, executable: Any) -> float:
        """Run it at the same time as the others; seconds."""
        self.link.barrier()
        started = time.perf_counter()
        self.runtime.run(executable)
        return time.perf_counter() - started

    def reveal(self, name: str) -> Any:
        """The value, at rank 0; None elsewhere."""
        mine = self.runtime.get_var(name)
        if self.rank:
            self._send(0, mine)
            return None
        return self.io.reconstruct([mine, *(self._receive(other) for other in range(1, self.world))])

    def leave(self) -> None:
        """End the links."""
        self.link.barrier()
        self.link.stop_link()
