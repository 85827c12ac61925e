"""Kernels with the memory, multiplications and blocks of AES that each cannot do without.

Sizes are those of a pass over 100,000 rows and 100 columns, or of 10⁶ elements. What a kernel writes is
memory new to the process: a result of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie import _kernels

WORD, NARROW, BLOCK = 8, 4, 16
SEED, OTHER = bytes(range(16)), bytes(range(1, 17))
TERMS = 8
"""Harmonics of a sigmoid."""


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


def _words(*shape: int) -> NDArray[np.uint64]:
    count = int(np.prod(shape))
    return _kernels.prg_u64(SEED, 1, count).reshape(shape)


def _rows(scale: float) -> tuple[int, int]:
    return max(8, int(100_000 * scale)), 100


def _elements(scale: float) -> int:
    return max(64, int(1_000_000 * scale))


def _tall(function: Any, narrow: bool, transposed: bool, scale: float) -> Kernel:
    n, d = _rows(scale)
    left: Any = _words(n, d)
    if narrow:
        left = left.astype(np.int32)
    right = _words(n if transposed else d)
    result = d if transposed else n
    return Kernel(
        lambda: function(left, right),
        read=left.nbytes + right.nbytes,
        written=result * WORD,
        products=n * d,
    )


def _expanded(function: Any, transposed: bool, scale: float) -> Kernel:
    n, d = _rows(scale)
    right = _words(n if transposed else d)
    return Kernel(
        lambda: function(SEED, 7, n, d, right),
        read=right.nbytes,
        written=(d if transposed else n) * WORD,
        products=n * d,
        blocks=n * d // 2,
    )


def _square(function: Any, scale: float) -> Kernel:
    side = max(8, int(512 * scale))
    left, right = _words(side, side), _words(side, side)
    return Kernel(lambda: function(left, right), read=2 * left.nbytes, written=left.nbytes, products=side**3)


def _stream(scale: float) -> Kernel:
    n = _elements(scale)
    return Kernel(lambda: _kernels.prg_u64(SEED, 3, n), read=0, written=n * WORD, blocks=n // 2)


def _correction(scale: float) -> Kernel:
    n = _elements(scale)
    target = _words(n)
    return Kernel(
        lambda: _kernels.prg_sub_u64(target, [SEED], 3),
        read=target.nbytes,
        written=n * WORD,
        blocks=n // 2,
    )


def _deal_truncation(scale: float) -> Kernel:
    n = _elements(scale)
    mask = _words(n)
    return Kernel(lambda: _kernels.deal_truncation(mask, 18), read=n * WORD, written=2 * n * WORD)


def _truncate(scale: float) -> Kernel:
    n = _elements(scale)
    opened, high, most = _words(n), _words(n), _words(n)
    return Kernel(
        lambda: _kernels.truncate(opened, high, most, 18, True), read=3 * n * WORD, written=n * WORD
    )


def _pack(scale: float) -> Kernel:
    n = _elements(scale)
    values = _words(n)
    return Kernel(lambda: _kernels.low_bits_pack(values, 40), read=n * WORD, written=n * 5)


def _harmonics_dealt(scale: float) -> Kernel:
    n = _elements(scale)
    mask = _words(n)
    return Kernel(
        lambda: _kernels.trig_deal(mask, 41, TERMS, 1, 2, 28, False, [SEED], 3),
        read=mask.nbytes,
        written=2 * TERMS * n * WORD,
        # each harmonic from the one before: four multiplications, and two to fixed point
        products=6 * TERMS * n,
        blocks=TERMS * n,
    )


def _harmonics(expanded: bool, scale: float) -> Kernel:
    n = _elements(scale)
    opened, sines = _words(n), np.linspace(0.5, 0.01, TERMS)
    shares = None if expanded else _words(2 * TERMS * n)
    seed = SEED if expanded else None
    return Kernel(
        lambda: _kernels.trig_eval(opened, sines, None, 41, 1, 2, 28, 46, False, shares, seed, 3),
        read=n * WORD * (1 if expanded else 1 + 2 * TERMS),
        written=n * WORD,
        # as above, and two products with shares
        products=8 * TERMS * n,
        blocks=TERMS * n if expanded else 0,
    )


KERNELS: dict[str, Make] = {
    "matmul tall int32": partial(_tall, _kernels.matmul, True, False),
    "matmul tall": partial(_tall, _kernels.matmul, False, False),
    "matmul_t tall int32": partial(_tall, _kernels.matmul_t, True, True),
    "matmul_t tall": partial(_tall, _kernels.matmul_t, False, True),
    "prg_matmul tall": partial(_expanded, _kernels.prg_matmul, False),
    "prg_matmul_t tall": partial(_expanded, _kernels.prg_matmul_t, True),
    "matmul square": partial(_square, _kernels.matmul),
    "matmul_t square": partial(_square, _kernels.matmul_t),
    "prg_u64": _stream,
    "prg_sub_u64": _correction,
    "deal_truncation": _deal_truncation,
    "truncate": _truncate,
    "low_bits_pack": _pack,
    "trig_deal": _harmonics_dealt,
    "trig_eval shares": partial(_harmonics, False),
    "trig_eval seed": partial(_harmonics, True),
}
"""By name."""
