"""The kernels of comparisons and functions, as :mod:`bench.kernels.table` has those of numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.kernels.kernel import OTHER, SEED, WORD, Kernel, Make, elements, random_words
from coterie import _kernels

TERMS = 8
"""Harmonics of a sigmoid."""

BITS = 30
"""Of numbers up to 2000 with 18 fractional bits."""
WIDTHS = (3,) * 10
GROUPS = (2,) * 5
"""The first of three levels."""
TABLE = 10 * (2**3 - 1) + 1
NODES, OPENED, DEALT = 2 * 10 - 1, 14, 14
"""Planes: a result and an equality of each chunk but the lowest; factors; products of masks."""

POWERS = 1 << 9
"""Elements of the tables of an exponential."""
WINDOW = 34


def _harmonics_dealt(scale: float) -> Kernel:
    n = elements(scale)
    mask = random_words(n)
    return Kernel(
        lambda: _kernels.trig_deal(mask, 41, TERMS, 1, 2, 28, False, [SEED], 3),
        read=mask.nbytes,
        written=2 * TERMS * n * WORD,
        # each harmonic from the one before: four multiplications, and two to fixed point
        products=6 * TERMS * n,
        blocks=TERMS * n,
    )


def _harmonics(expanded: bool, scale: float) -> Kernel:
    n = elements(scale)
    opened, sines = random_words(n), np.linspace(0.5, 0.01, TERMS)
    shares = None if expanded else random_words(2 * TERMS * n)
    seed = SEED if expanded else None
    return Kernel(
        lambda: _kernels.trig_eval(opened, sines, None, 41, 1, 2, 28, 46, False, shares, seed, 3),
        read=n * WORD * (1 if expanded else 1 + 2 * TERMS),
        written=n * WORD,
        # as above, and two products with shares
        products=8 * TERMS * n,
        blocks=TERMS * n if expanded else 0,
    )


def _powers() -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
    return random_words(2 * POWERS), np.linspace(2.0**20, 2.0**21, 2 * POWERS)


def _exponential_dealt(scale: float) -> Kernel:
    n = elements(scale)
    mask, (powers, factors) = random_words(n), _powers()
    powers, factors = powers[:POWERS], factors[:POWERS]
    unit = WINDOW - 9
    return Kernel(
        lambda: _kernels.exp_deal(mask, WINDOW, unit, -(2.0**-unit), powers, factors, [SEED], 3),
        read=mask.nbytes,
        written=2 * n * WORD,
        # a polynomial of eight terms, a factor, a power
        products=10 * n,
        blocks=n,
    )


def _exponential(expanded: bool, scale: float) -> Kernel:
    n = elements(scale)
    opened, (powers, factors) = random_words(n), _powers()
    shares, unit = None if expanded else random_words(2 * n), WINDOW - 9
    seed = SEED if expanded else None
    return Kernel(
        lambda: _kernels.exp_eval(opened, WINDOW, unit, 2.0**-unit, powers, factors, shares, seed, 3),
        read=n * WORD * (1 if expanded else 3),
        written=n * WORD,
        products=11 * n,
        blocks=n if expanded else 0,
    )


def _guard_dealt(scale: float) -> Kernel:
    n = elements(scale)
    mask, entries = random_words(n), np.zeros((8, 8), np.uint16)
    return Kernel(
        lambda: _kernels.guard_deal(mask, entries, 24, [SEED], 3),
        read=mask.nbytes,
        written=2 * n * WORD,
        blocks=n,
    )


def _guard(scale: float) -> Kernel:
    n = elements(scale)
    opened = random_words(n)
    return Kernel(
        lambda: _kernels.guard_eval(opened, 0, 24, None, SEED, 3, OTHER, 4, 0, True),
        read=opened.nbytes,
        written=64,
        blocks=2 * n,  # the table and the coins
    )


def _planes(count: int, n: int) -> NDArray[np.uint64]:
    return random_words(count * -(-n // 64))


def _chunks_dealt(scale: float) -> Kernel:
    n = elements(scale)
    size = _planes(TABLE, n).nbytes
    return Kernel(
        lambda: _kernels.chunks_deal(n, 0, [SEED, OTHER], 3, WIDTHS, True, [SEED], 4),
        read=0,
        written=size,
        blocks=n + size // 16,
    )


def _chunks(expanded: bool, scale: float) -> Kernel:
    n = elements(scale)
    opened, dealt = random_words(n), _planes(TABLE, n)
    table = None if expanded else dealt
    return Kernel(
        lambda: _kernels.chunks_look_up(opened, 0, WIDTHS, True, table, SEED, 3, 0, True),
        read=opened.nbytes + (0 if expanded else dealt.nbytes),
        written=_planes(NODES, n).nbytes,
        blocks=dealt.nbytes // 16 if expanded else 0,
    )


def _opened(scale: float) -> Kernel:
    n = elements(scale)
    nodes = _planes(NODES, n)
    size = _kernels.nodes_open(nodes, n, GROUPS, True, SEED, 3, 0).nbytes
    return Kernel(
        lambda: _kernels.nodes_open(nodes, n, GROUPS, True, SEED, 3, 0),
        read=nodes.nbytes,
        written=size,
        blocks=size // 16,
    )


def _products_dealt(scale: float) -> Kernel:
    n = elements(scale)
    masks = _kernels.nodes_open(_planes(NODES, n), n, GROUPS, True, SEED, 3, 0).nbytes
    call = partial(_kernels.nodes_deal, n, 0, GROUPS, True, [SEED, OTHER], 3, [SEED], 4)
    size = call().nbytes
    return Kernel(call, read=0, written=size, blocks=(2 * masks + size) // 16)


def _joined(expanded: bool, scale: float) -> Kernel:
    n = elements(scale)
    nodes = _planes(NODES, n)
    openings = [_kernels.nodes_open(nodes, n, GROUPS, True, seed, 3, 0) for seed in (SEED, OTHER)]
    dealt = _kernels.nodes_deal(n, 0, GROUPS, True, [SEED, OTHER], 3, [SEED], 4)
    products = None if expanded else dealt
    call: Callable[[], Any] = partial(
        _kernels.nodes_join, nodes, openings, n, GROUPS, True, SEED, 3, products, 4, 0, True
    )
    return Kernel(
        call,
        read=nodes.nbytes + 2 * openings[0].nbytes + (0 if expanded else dealt.nbytes),
        written=call().nbytes,
        blocks=(openings[0].nbytes + (dealt.nbytes if expanded else 0)) // 16,
    )


def _function_dealt(scale: float) -> Kernel:
    n = elements(scale / 10)
    call = partial(_kernels.dcf_deal, n, 0, [SEED, OTHER], 3, BITS, [SEED, OTHER], 4, SEED)
    # Of both a root, two children a level but for the last seven, a leaf; and two streams of the mask.
    return Kernel(call, read=0, written=call().nbytes, blocks=n * (2 * (2 * (BITS - 7) + 2) + 1))


def _function(scale: float) -> Kernel:
    n = elements(scale / 10)
    opened = random_words(n)
    dealt = _kernels.dcf_deal(n, 0, [SEED, OTHER], 3, BITS, [SEED, OTHER], 4, SEED)
    return Kernel(
        lambda: _kernels.dcf_eval(opened, 0, BITS, dealt, SEED, 4, 0, SEED, False),
        read=opened.nbytes + dealt.nbytes,
        written=n // 8,
        blocks=n * (BITS - 7 + 2),
    )


FUNCTIONS: dict[str, Make] = {
    "trig_deal": _harmonics_dealt,
    "trig_eval shares": partial(_harmonics, False),
    "trig_eval seed": partial(_harmonics, True),
    "exp_deal": _exponential_dealt,
    "exp_eval shares": partial(_exponential, False),
    "exp_eval seed": partial(_exponential, True),
    "guard_deal": _guard_dealt,
    "guard_eval seed": _guard,
    "chunks_deal": _chunks_dealt,
    "chunks_look_up table": partial(_chunks, False),
    "chunks_look_up seed": partial(_chunks, True),
    "nodes_open": _opened,
    "nodes_deal": _products_dealt,
    "nodes_join products": partial(_joined, False),
    "nodes_join seed": partial(_joined, True),
    "dcf_deal": _function_dealt,
    "dcf_eval": _function,
}
"""By name."""
