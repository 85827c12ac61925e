"""One party of the SPU side: a process of its own, run by the interpreter of SPU's own environment.

    python spu_party.py SPEC.json RANK RESULT.json

For each variant it shares the inputs and runs the program twice, so that the second run finds its memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bench.spu_runtime import Party, status

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "less": lambda x, y: x < y,
    "sigmoid": jax.nn.sigmoid,
    "segments": lambda x: jnp.clip(0.5 + 0.125 * x, 0.0, 1.0),
    "tanh": lambda x: 0.5 + 0.5 * jnp.tanh(0.5 * x),
    "exp": jnp.exp,
    "reciprocal": lambda x: 1.0 / x,
    "matmul": lambda x, y: x @ y,
    "multiply": lambda x, y: x * y,
    "where": lambda x, y: jnp.where(x < y, x, y),
    "argmax": jnp.argmax,
    "sort": jnp.sort,
}


def main(spec_path: str, rank: str, result_path: str) -> None:
    """Run every variant, write the result; rank 0 writes the values too."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    party = Party(spec, int(rank))
    party.link.barrier()
    idle = status("VmRSS")
    folder = Path(spec["folder"])
    names = [f"x{index}" for index in range(len(spec["shapes"]))]
    variants = []
    for number, variant in enumerate(spec["variants"]):
        party.configure(variant["settings"])
        for index, name in enumerate(names):
            party.share(name, index % 2, folder / f"{name}.npy")
        executable = party.compile(FUNCTIONS[variant["function"]], names, spec["shapes"], "result")
        seconds = [party.run(executable) for _ in range(variant["repeats"])]
        value = party.reveal("result")
        if value is not None:
            np.save(folder / f"result.{spec['protocol']}.{number}.npy", value)
        variants.append({"seconds": seconds, "memory": status("VmHWM") - idle})
    Path(result_path).write_text(json.dumps(variants), encoding="utf-8")
    party.leave()


if __name__ == "__main__":
    main(*sys.argv[1:])
