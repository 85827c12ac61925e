"""The works as programs of the engine: shares in, one operation, shares out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.operations.work import Work
from coterie.mpc import Context, Program, Secret
from coterie.mpc import functions as fn

MEASURED = "measured"
AFTERWARDS = "afterwards"

OPERATIONS: dict[str, Callable[..., Any]] = {
    "less": lambda x, y: x < y,
    "sigmoid": fn.sigmoid,
    "exp": np.exp,
    "reciprocal": np.reciprocal,
    # The others round their results to the inputs' 18 bits too.
    "matmul": lambda x, y: fn.rounded(x @ y)[0],
    "multiply": lambda x, y: fn.rounded(x * y)[0],
    "where": lambda x, y: np.where(x < y, x, y),
    "argmax": np.argmax,
    "sort": np.sort,
    "shuffle": fn.shuffle,
}
"""By the works' operations."""


def program(work: Work) -> Program:
    """The program of a work: what is timed is the section MEASURED."""
    operation = OPERATIONS[work.operation]

    def run(ctx: Context) -> None:
        secrets: list[Secret] = [
            ctx.shared(f"x{index}", one.shape, (one.low, one.high)) for index, one in enumerate(work.inputs)
        ]
        with ctx.section(MEASURED):
            result = operation(*secrets)
            ctx.check()
        with ctx.section(AFTERWARDS):
            ctx.keep(result, "result")

    return run
