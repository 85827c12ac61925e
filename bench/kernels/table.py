"""The kernels of numbers and streams, by name, and all others: KERNELS."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bench.kernels.functions import FUNCTIONS
from bench.kernels.kernel import SEED, WORD, Kernel, Make, elements, random_words, rows
from bench.kernels.octaves import OCTAVES
from coterie import _kernels


def _tall(function: Any, narrow: bool, transposed: bool, scale: float) -> Kernel:
    n, d = rows(scale)
    left: Any = random_words(n, d)
    if narrow:
        left = left.astype(np.int32)
    right = random_words(n if transposed else d)
    result = d if transposed else n
    return Kernel(
        lambda: function(left, right),
        read=left.nbytes + right.nbytes,
        written=result * WORD,
        products=n * d,
    )


def _expanded(function: Any, transposed: bool, scale: float) -> Kernel:
    n, d = rows(scale)
    right = random_words(n if transposed else d)
    return Kernel(
        lambda: function(SEED, 7, n, d, right),
        read=right.nbytes,
        written=(d if transposed else n) * WORD,
        products=n * d,
        blocks=n * d // 2,
    )


def _square(function: Any, scale: float) -> Kernel:
    side = max(8, int(512 * scale))
    left, right = random_words(side, side), random_words(side, side)
    return Kernel(lambda: function(left, right), read=2 * left.nbytes, written=left.nbytes, products=side**3)


def _stream(scale: float) -> Kernel:
    n = elements(scale)
    return Kernel(lambda: _kernels.prg_u64(SEED, 3, n), read=0, written=n * WORD, blocks=n // 2)


def _correction(scale: float) -> Kernel:
    n = elements(scale)
    target = random_words(n)
    return Kernel(
        lambda: _kernels.prg_sub_u64(target, [SEED], 3),
        read=target.nbytes,
        written=n * WORD,
        blocks=n // 2,
    )


def _deal_truncation(scale: float) -> Kernel:
    n = elements(scale)
    mask = random_words(n)
    return Kernel(lambda: _kernels.deal_truncation(mask, 18), read=n * WORD, written=2 * n * WORD)


def _truncate(scale: float) -> Kernel:
    n = elements(scale)
    opened, high, most = random_words(n), random_words(n), random_words(n)
    return Kernel(
        lambda: _kernels.truncate(opened, high, most, 18, True), read=3 * n * WORD, written=n * WORD
    )


def _pack(scale: float) -> Kernel:
    n = elements(scale)
    values = random_words(n)
    return Kernel(lambda: _kernels.low_bits_pack(values, 40), read=n * WORD, written=n * 5)


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
}
KERNELS |= FUNCTIONS | OCTAVES
"""All kernels, by name."""
