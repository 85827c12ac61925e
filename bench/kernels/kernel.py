"""A kernel to be measured: a call, and the memory, multiplications and AES that it cannot do without.

Sizes are those of a pass over 100,000 rows and 100 columns, or of 10⁶ elements. What a kernel writes is
memory new to the process: a result of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie import _kernels

WORD = 8
SEED, OTHER = bytes(range(16)), bytes(range(1, 17))


@dataclass(frozen=True)
class Kernel:
    """One call, and what it must do at least."""

    call: Callable[[], object]
    read: int
    """Bytes from memory."""
    written: int
    """Bytes to memory that is new."""
    products: int = 0
    """Multiplications of 64-bit numbers, whole or floating."""
    blocks: int = 0
    """Of AES-128."""


Make = Callable[[float], Kernel]
"""Takes the size as a part of the usual one."""


def random_words(*shape: int) -> NDArray[np.uint64]:
    """The same ones each time."""
    count = int(np.prod(shape))
    return _kernels.prg_u64(SEED, 1, count).reshape(shape)


def rows(scale: float) -> tuple[int, int]:
    """Of a tall matrix, and its columns."""
    return max(8, int(100_000 * scale)), 100


def elements(scale: float) -> int:
    """Of an array."""
    return max(64, int(1_000_000 * scale))
