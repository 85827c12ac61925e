"""One party of the SPU side: a process of its own, run by the interpreter of SPU's own environment.

    python spu_party.py SPEC.json RANK RESULT.json

It shares its inputs over the link, then runs each program of the specification. SPU itself logs what each
program has sent ("Link details"), in the order of the programs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from spu.experimental import make_cached_var

from bench.spu_runtime import Party, status


def sigmoids(name: str) -> Any:
    """``exact``: as jax.nn.sigmoid lowers, exponential and reciprocal. ``segments``: 0, 1/2 + z/8, 1."""
    return {"exact": jax.nn.sigmoid, "segments": lambda z: jnp.clip(0.5 + 0.125 * z, 0.0, 1.0)}[name]


def program(spec: dict[str, Any], sigmoid: str, cached: bool, passes: int) -> Any:
    """Gradient descent in JAX over the two parties' columns, passes unrolled."""
    activation = sigmoids(sigmoid)
    step = spec["step"]

    def descend(left: Any, right: Any, label: Any, start: Any) -> Any:
        if cached:
            left, right = make_cached_var(left), make_cached_var(right)
        edge = 1 + left.shape[1]
        intercept, w_left, w_right = start[:1], start[1:edge], start[edge:]
        for _ in range(passes):
            error = activation(intercept + left @ w_left + right @ w_right) - label
            intercept = intercept - step * jnp.sum(error)
            w_left = w_left - step * (left.T @ error)
            w_right = w_right - step * (right.T @ error)
        return jnp.concatenate([intercept, w_left, w_right])

    return descend


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
    rows, left, right = (spec[what] for what in ("rows", "left", "right"))
    shapes = [(rows, left), (rows, right), (rows,), (1 + left + right,)]
    programs = []
    for name, sigmoid, cached, passes in spec["programs"]:
        function = program(spec, sigmoid, cached, passes)
        seconds = party.run(party.compile(function, ["left", "right", "label", "start"], shapes, name))
        memory = status("VmHWM") - idle
        value = party.reveal(name)
        coefficients = None if value is None else [float(one) for one in value]
        programs.append({"seconds": seconds, "memory": memory, "coefficients": coefficients})
    result = {
        "input_s": sum(seconds for seconds, _ in inputs),
        "input_bytes": sum(sent for _, sent in inputs),
        "programs": programs,
    }
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
    party.leave()


if __name__ == "__main__":
    main(*sys.argv[1:])
