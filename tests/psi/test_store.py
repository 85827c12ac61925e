"""The oblivious key-value store: values come back, what is free is uniform, failures are as rare as said."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize, stats

from coterie.errors import CoterieError, Unavailable
from coterie.psi import cost_many, store
from coterie.psi.store import Slots, as_bytes, as_words, cells, decode, encode, segment
from tests.psi.pair import Stream


def slots(keys: NDArray[np.uint8], of: int | None = None) -> Slots:
    made = Slots.empty(len(keys))
    made.fill(0, keys, of or len(keys))
    return made


def drawn(seed: int, count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, store.SLOT_BYTES), dtype=np.uint8)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(1, 16))
def test_every_key_has_its_value(seed: int, count: int, width: int) -> None:
    keys = slots(drawn(seed, count))
    values = drawn(seed + 1, count)[:, :width]
    table = encode(keys, as_words(values), Stream("table"))
    assert len(table) == cells(count)
    sent = as_bytes(table, width)
    assert sent.shape == (cells(count), width)
    # As the receiver has it, and summed cell by cell.
    assert np.array_equal(as_bytes(decode(as_words(sent), keys), width), values)
    for row in range(count):
        bits = np.flatnonzero(np.unpackbits(keys.dense[row], bitorder="little"))
        summed = np.bitwise_xor.reduce(sent[[*keys.places[row], *(len(sent) - store.DENSE + bits)]])
        assert summed.tobytes() == values[row].tobytes()


def test_keys_have_one_cell_of_each_segment() -> None:
    places = slots(drawn(3, 5000)).places // segment(5000)
    assert (places == [0, 1, 2]).all()


def test_a_core_gets_its_values_from_the_dense_cells() -> None:
    # Forty keys in the same three cells: nobody is ever alone.
    keys = drawn(4, 40)
    keys[:, :24] = keys[0, :24]
    values = as_words(drawn(5, 40)[:, :10])
    assert np.array_equal(decode(encode(slots(keys), values, Stream("core")), slots(keys)), values)


def test_keys_that_depend_on_each_other_are_refused() -> None:
    keys = drawn(6, 30)
    keys[7] = keys[3]
    with pytest.raises(CoterieError, match="CT-2007") as caught:
        encode(slots(keys), as_words(drawn(7, 30)[:, :8]), Stream("twice"))
    assert isinstance(caught.value, Unavailable)


@pytest.mark.parametrize("shared", [False, True], ids=["peeled", "core"])
def test_a_table_of_random_values_is_uniform(shared: bool) -> None:
    # Bits of all cells over many tables for the same keys, against fair coins; neighbours, too.
    keys = drawn(8, 12)
    if shared:
        keys[:, :24] = keys[0, :24]
    random = np.random.default_rng(9)
    made = [
        as_bytes(encode(slots(keys), as_words(drawn(k, 12)[:, :8]), random.bytes), 8).reshape(-1)
        for k in range(400)
    ]
    bits = np.unpackbits(np.stack(made), axis=1)
    for count in (bits.sum(axis=0), (bits[:, 1:] ^ bits[:, :-1]).sum(axis=0)):
        deviation = ((count - 200.0) ** 2 / 100).sum()
        assert 1e-4 < stats.chi2.sf(deviation, len(count)) < 1 - 1e-4


def test_other_keys_read_random_cells() -> None:
    table = encode(slots(drawn(10, 2000)), as_words(drawn(11, 2000)[:, :5]), Stream("other"))
    read = as_bytes(decode(table, slots(drawn(12, 3000), of=2000)), 5)
    assert len(np.unique(read, axis=0)) == 3000


def no_loner(balls: int, bins: int) -> float:
    """log2 of a bound for the probability that balls in bins leave no bin with exactly one."""

    def at(log: float) -> float:
        z = math.exp(log)
        one = z + math.log1p(-z * math.exp(-z))
        return math.lgamma(balls + 1) + bins * one - balls * math.log(z * bins)

    return float(optimize.minimize_scalar(at, bounds=(-15, 8), method="bounded").fun) / math.log(2)


def test_the_bound_of_a_throw_holds() -> None:
    random = np.random.default_rng(13)
    for balls, bins in ((2, 5), (6, 4), (9, 12), (20, 10)):
        thrown = random.integers(0, bins, (40_000, balls))
        counts = np.stack([(thrown == one).sum(axis=1) for one in range(bins)])
        seen = (counts != 1).all(axis=0).mean()
        assert seen <= 2 ** no_loner(balls, bins) * 1.1


def test_large_cores_are_as_rare_as_said() -> None:
    for keys in (*range(87, 400, 12), 1000, 3000, 100_000):
        worst = []
        step = max(1, keys // 1500)
        for core in range(store.LARGEST_CORE + 1, keys + 1, 1 if keys < 1000 else step):
            choose = math.lgamma(keys + 1) - math.lgamma(core + 1) - math.lgamma(keys - core + 1)
            worst.append(choose / math.log(2) + 3 * no_loner(core, segment(keys)))
        top = max(worst)
        assert top + math.log2(step * sum(2 ** (one - top) for one in worst)) < -41


def test_encoding_stays_within_the_planned_memory() -> None:
    count = 50_000
    keys, values = slots(drawn(14, count)), as_words(drawn(15, count)[:, :7])
    tracemalloc.start()
    try:
        as_bytes(encode(keys, values, Stream("memory")), 7)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    held = keys.places.nbytes + keys.dense.nbytes + values.nbytes
    planned = cost_many({"a": count, "b": count, "c": count}).memory
    assert held + peak <= planned
    assert planned <= 3 * (held + peak)
