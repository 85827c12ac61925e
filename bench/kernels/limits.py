"""What one core can do at most, and how fast kernels are on it.

    RAYON_NUM_THREADS=1 python -m bench.kernels.limits RESULT.json

A process of its own, so that kernels stay on one core. Times are those of the processor: who else uses the
machine counts less.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from bench.kernels.kernel import WORD
from bench.kernels.table import KERNELS
from coterie import _kernels

SECONDS = 0.15
LEAST = 5
ROUNDS = 1_000_000
LARGE = 256 << 20
"""Bytes that no cache holds."""


def best(call: Callable[[], object], seconds: float = SECONDS) -> float:
    """The least time of a call, of as many as fit into the seconds, and at least LEAST."""
    call()
    found: list[float] = []
    while len(found) < LEAST or sum(found) < seconds:
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return min(found)


def reading(size: int, seconds: float = SECONDS) -> float:
    """Seconds to read so many bytes of an array of that size, in order."""
    words = np.ones(size // WORD, np.uint64)
    return best(lambda: _kernels.limit_read(words), seconds) if words.size else 0.0


def writing(size: int, seconds: float = SECONDS) -> float:
    """Seconds to write so many bytes to a new array of that size."""
    count = size // WORD
    return best(lambda: np.empty(count, np.uint64).fill(1), seconds) if count else 0.0


def rates(seconds: float = SECONDS) -> dict[str, float]:
    """Of one core, a second: bytes read and written from and to main memory, multiplications of 64-bit words
    with an addition each, blocks of AES-128; the latter two in registers."""
    products = _kernels.limit_multiply_adds(ROUNDS)
    blocks = _kernels.limit_aes_blocks(ROUNDS // 10)
    return {
        "read": LARGE / reading(LARGE, seconds),
        "write": LARGE / writing(LARGE, seconds),
        "products": products / best(lambda: _kernels.limit_multiply_adds(ROUNDS), seconds),
        "blocks": blocks / best(lambda: _kernels.limit_aes_blocks(ROUNDS // 10), seconds),
    }


def measure(names: Iterable[str], scale: float = 1.0, seconds: float = SECONDS) -> dict[str, Any]:
    """Rates of the core, and for each kernel what it needs, its time, and that of memory alone.

    :param scale: size as a part of the usual one.
    :param seconds: to measure each for.
    """
    found = {}
    for name in names:
        kernel = KERNELS[name](scale)
        found[name] = {
            "read": kernel.read,
            "written": kernel.written,
            "products": kernel.products,
            "blocks": kernel.blocks,
            "memory_s": reading(kernel.read, seconds) + writing(kernel.written, seconds),
            "seconds": best(kernel.call, seconds),
        }
    return {"rates": rates(seconds), "kernels": found}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(measure(KERNELS)), encoding="utf-8")
