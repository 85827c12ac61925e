"""Chunk tables and trees of secret comparison against NumPy."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie import _kernels
from tests.kernels.planes import Truths, Words, array, stream, truths

SEEDS = [bytes([party + 1]) * 16 for party in range(5)]
MASK, TABLE = 7, 8


def masks(n: int, offset: int, parties: int) -> Words:
    return sum((_kernels.prg_u64(seed, MASK, n, offset) for seed in SEEDS[:parties]), np.zeros(n, np.uint64))


def digits(values: Words, widths: Sequence[int]) -> list[Words]:
    """The chunks of each value, from the lowest, and what is above them all."""
    found = []
    for width in widths:
        found.append(values & np.uint64(2**width - 1))
        values = values >> np.uint64(width)
    return [*found, values]


@pytest.mark.parametrize(("n", "offset"), [(0, 0), (1, 0), (64, 512), (700, 1024), (5000, 0)])
@pytest.mark.parametrize("top", [True, False])
def test_tables_are_one_hot(n: int, offset: int, top: bool) -> None:
    widths = [3, 1, 8, 2]
    dealt = _kernels.chunks_deal(n, offset, SEEDS[:3], MASK, widths, top, SEEDS[:2], TABLE)
    *chunks, above = digits(masks(n, offset, 3), widths)
    rows = [chunk == j for chunk, width in zip(chunks, widths, strict=True) for j in range(2**width - 1)]
    rows += [above & np.uint64(1)] * top
    planes = len(rows)
    found = truths(dealt ^ stream(SEEDS[:2], TABLE, planes, n, offset), planes, n)
    np.testing.assert_array_equal(found, np.stack(rows).astype(np.uint8))


def look_up(
    opened: Words, minus: int, widths: list[int], order: bool, offset: int = 0, parties: int = 2
) -> Truths:
    """All parties together."""
    n = opened.size
    table = _kernels.chunks_deal(n, offset, SEEDS[:parties], MASK, widths, order, SEEDS[: parties - 1], TABLE)
    planes = 2 * len(widths) - 1 if order else len(widths)
    total = np.zeros(planes * -(-n // 64), np.uint64)
    for party in range(parties):
        own, first = (table if party == parties - 1 else None), party == 0
        total ^= _kernels.chunks_look_up(
            opened, minus, widths, order, own, SEEDS[party], TABLE, offset, first
        )
    return truths(total, planes, n)


@pytest.mark.parametrize("order", [True, False])
@pytest.mark.parametrize(("n", "offset", "parties"), [(1, 0, 2), (600, 512, 2), (1500, 0, 4)])
def test_chunks_are_compared(n: int, offset: int, parties: int, order: bool) -> None:
    widths, minus = [3, 2, 4, 1], 12345
    mask = masks(n, offset, parties)
    rng = np.random.default_rng(n)
    opened = mask ^ rng.integers(0, 2**11, n, dtype=np.uint64) & rng.integers(0, 2**11, n, dtype=np.uint64)
    found = look_up(opened + np.uint64(minus), minus, widths, order, offset, parties)
    *ours, above = digits(opened, widths)
    *theirs, over = digits(mask, widths)
    equal = [a == b for a, b in zip(ours, theirs, strict=True)]
    less = [a < b for a, b in zip(ours, theirs, strict=True)]
    less[-1] = less[-1] ^ ((above ^ over) & np.uint64(1)).astype(bool)
    wanted = [*less, *equal[1:]] if order else equal
    np.testing.assert_array_equal(found, np.stack(wanted).astype(np.uint8))


def join(nodes: Truths, groups: list[int], order: bool, offset: int = 0, parties: int = 2) -> Truths:
    """One level: nodes are split among the parties, opened and joined."""
    planes, n = nodes.shape
    shares = [
        np.random.default_rng(party).integers(0, 2, (planes, n), dtype=np.uint8)
        for party in range(parties - 1)
    ]
    shares.append(np.bitwise_xor.reduce([nodes, *shares]))
    packed = [array(share) for share in shares]
    openings = [
        _kernels.nodes_open(own, n, groups, order, SEEDS[party], 20, offset)
        for party, own in enumerate(packed)
    ]
    dealt = _kernels.nodes_deal(n, offset, groups, order, SEEDS[:parties], 20, SEEDS[: parties - 1], 21)
    results = 2 * len(groups) - 1 if order else len(groups)
    total = np.zeros(results * -(-n // 64), np.uint64)
    for party, own in enumerate(packed):
        products = dealt if party == parties - 1 else None
        total ^= _kernels.nodes_join(
            own, openings, n, groups, order, SEEDS[party], 20, products, 21, offset, party == 0
        )
    return truths(total, results, n)


def joined(nodes: Truths, groups: list[int], order: bool) -> Truths:
    """The same in the clear: the highest node that is not equal decides."""
    count = sum(groups)
    equal = nodes if not order else np.concatenate([np.zeros_like(nodes[:1]), nodes[count:]])
    less, ends = nodes[:count], np.cumsum([0, *groups])
    less_of, equal_of = [], []
    for start, stop in itertools.pairwise(ends):
        below, same = less[start], equal[start]
        for node in range(start + 1, stop):
            below = less[node] ^ (equal[node] & below)
            same = equal[node] & same
        less_of.append(below)
        equal_of.append(same)
    return np.stack([*less_of, *equal_of[1:]] if order else equal_of)


@given(
    st.lists(st.integers(2, 10), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from([1, 64, 100, 1030]),
    st.sampled_from([0, 512]),
    st.integers(2, 4),
)
@settings(max_examples=60, deadline=None)
def test_nodes_are_joined(groups: list[int], order: bool, n: int, offset: int, parties: int) -> None:
    planes = 2 * sum(groups) - 1 if order else sum(groups)
    nodes = np.random.default_rng(n).integers(0, 2, (planes, n), dtype=np.uint8)
    np.testing.assert_array_equal(join(nodes, groups, order, offset, parties), joined(nodes, groups, order))


def test_openings_are_masked_with_the_stream() -> None:
    nodes = np.random.default_rng(0).integers(0, 2, (9, 200), dtype=np.uint8)
    opened = _kernels.nodes_open(array(nodes), 200, [3, 2], True, SEEDS[0], 20, 512)
    # l of 5 nodes, e of the upper four. Of 3: e1, e2, l0, l1; of 2: e4, e3, l3.
    factors = nodes[[5, 6, 0, 1, 8, 7, 3]]
    np.testing.assert_array_equal(truths(opened ^ stream(SEEDS[:1], 20, 7, 200, 512), 7, 200), factors)


def whole_and_parts(how: Any, n: int, step: int) -> tuple[Words, Words]:
    return how(n, 0), np.concatenate([how(min(step, n - start), start) for start in range(0, n, step)])


def test_pieces_are_parts_of_the_whole() -> None:
    def deal(n: int, offset: int) -> Words:
        return _kernels.chunks_deal(n, offset, SEEDS[:2], MASK, [3, 3, 2], True, SEEDS[:1], TABLE)

    def products(n: int, offset: int) -> Words:
        return _kernels.nodes_deal(n, offset, [3, 4], True, SEEDS[:2], 20, SEEDS[:1], 21)

    for how in (deal, products):
        whole, parts = whole_and_parts(how, 20_000, 1536)
        np.testing.assert_array_equal(whole, parts)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    code = (
        "import hashlib; from coterie import _kernels as k; s = [bytes([i]) * 16 for i in (1, 2)];"
        "t = k.chunks_deal(300_000, 0, s, 7, [3] * 20, True, s[:1], 8);"
        "m = k.prg_u64(s[0], 9, 300_000);"
        "n = k.chunks_look_up(m, 5, [3] * 20, True, t, s[1], 8, 0, False);"
        "print(hashlib.sha256(t.tobytes() + n.tobytes()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"RAYON_NUM_THREADS": threads},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for threads in ("1", "3")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"offset": 100}, "offset must be a multiple of 512"),
        ({"n": 2**63}, "at most 2\\^48"),
        ({"widths": []}, "widths must be from 1 to 8"),
        ({"widths": [9]}, "widths must be from 1 to 8"),
        ({"widths": [0]}, "widths must be from 1 to 8"),
        ({"widths": [8] * 9}, "64 at most in all"),
        ({"widths": [8] * 8}, "leave a bit above"),
        ({"seeds": [b"short"]}, "16 bytes, not 5"),
    ],
)
def test_dealing_refuses(change: dict[str, Any], says: str) -> None:
    arguments: dict[str, Any] = {"n": 1, "offset": 0, "mask_seeds": SEEDS[:1], "mask_id": 1}
    arguments |= {"widths": [3], "top": True, "seeds": [], "id": 2}
    with pytest.raises(ValueError, match=says):
        _kernels.chunks_deal(**(arguments | change))


def short(words: int) -> NDArray[np.uint64]:
    return np.zeros(words, np.uint64)


def test_arrays_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"table must have 16 words \(8 planes of 100 values\), not 15"):
        _kernels.chunks_look_up(short(100), 0, [3], True, short(15), SEEDS[0], 1, 0, True)
    with pytest.raises(ValueError, match="nodes must have 3 words"):
        _kernels.nodes_open(short(2), 64, [2], True, SEEDS[0], 1, 0)
    for nodes, opening, products, name in ((2, 2, 1, "nodes"), (3, 3, 1, "openings"), (3, 2, 2, "products")):
        with pytest.raises(ValueError, match=f"{name} must have"):
            _kernels.nodes_join(
                short(nodes), [short(opening)], 64, [2], True, SEEDS[0], 1, short(products), 2, 0, True
            )
    for groups in ([], [1], [11]):
        with pytest.raises(ValueError, match="groups must be one or more, each of 2 to 10 nodes"):
            _kernels.nodes_deal(1, 0, groups, True, SEEDS, 1, SEEDS, 2)
    with pytest.raises(ValueError, match="elements of type uint64"):
        _kernels.nodes_open(np.zeros(3, np.int32), 64, [2], True, SEEDS[0], 1, 0)  # type: ignore[arg-type]
