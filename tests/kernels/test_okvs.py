"""The oblivious key-value store: values come back, what is free is uniform, bad keys are refused."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from coterie._kernels import okvs_cells, okvs_decode, okvs_encode
from tests.kernels.test_items import fed_forward, keyed

SESSION = bytes(range(16))
RANDOM = bytes(range(32))
CLUSTER = 24_576


def drawn(seed: int, count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 16), dtype=np.uint8)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 400))
def test_every_key_has_its_value(seed: int, count: int) -> None:
    keys, values = drawn(seed, count), drawn(seed + 1, count)
    table = okvs_encode(keys, values, SESSION, RANDOM)
    assert table.shape == (okvs_cells(count), 16)
    np.testing.assert_array_equal(okvs_decode(table, keys, SESSION, count), values)


@pytest.mark.parametrize("count", [0, 1, 24_575, 49_151, 49_152, 200_003])
def test_so_have_many_in_any_order(count: int) -> None:
    keys, values = drawn(1, count), drawn(2, count)
    table = okvs_encode(keys, values, SESSION, RANDOM)
    order = np.random.default_rng(3).permutation(count)
    np.testing.assert_array_equal(okvs_decode(table, keys[order], SESSION, count), values[order])


def test_other_keys_read_random_cells() -> None:
    count = 60_000
    table = okvs_encode(drawn(4, count), drawn(5, count), SESSION, RANDOM)
    read = okvs_decode(table, drawn(6, 100_000), SESSION, count)
    assert len(np.unique(read, axis=0)) == 100_000


@pytest.mark.parametrize("count", [50, 100_000])
def test_a_value_is_the_sum_of_the_cells_that_the_documentation_says(count: int) -> None:
    clusters = {50: 1, 100_000: 4}[count]
    table, keys = drawn(20, okvs_cells(count)), drawn(21, 30)
    segment = (len(table) // clusters - 64) // 3
    for key, value in zip(keys, okvs_decode(table, keys, SESSION, count), strict=True):
        row = fed_forward(keyed("coterie 2026-11 okvs row v1"), key[None]).view("<u8")[0].tolist()
        cluster, fraction = divmod(row[0] * clusters, 2**64)
        places = []
        for number in range(3):
            place, fraction = divmod(fraction * segment, 2**64)
            places.append(number * segment + place)
        places += [3 * segment + bit for bit in range(64) if row[1] >> bit & 1]
        cells = table[cluster * (3 * segment + 64) + np.array(places)]
        np.testing.assert_array_equal(np.bitwise_xor.reduce(cells), value)


def test_a_lookup_is_linear_in_the_table() -> None:
    count = 50_000
    one, other, keys = drawn(7, okvs_cells(count)), drawn(8, okvs_cells(count)), drawn(9, 3000)
    sums = okvs_decode(one, keys, SESSION, count) ^ okvs_decode(other, keys, SESSION, count)
    np.testing.assert_array_equal(okvs_decode(one ^ other, keys, SESSION, count), sums)


@pytest.mark.parametrize("count", [2, 100, 30_000, 100_000])
@pytest.mark.parametrize("same", [False, True], ids=["another value", "the same value"])
def test_keys_that_repeat_are_refused(count: int, same: bool) -> None:
    keys, values = drawn(10, count), drawn(11, count)
    keys[-1] = keys[0]
    if same:
        values[-1] = values[0]
    with pytest.raises(ArithmeticError):
        okvs_encode(keys, values, SESSION, RANDOM)


@pytest.mark.parametrize("count", [100, 70_000, 300_000])
def test_one_key_over_and_over_is_refused(count: int) -> None:
    keys = np.tile(drawn(12, 1), (count, 1))
    with pytest.raises(ArithmeticError):
        okvs_encode(keys, drawn(13, count), SESSION, RANDOM)


@pytest.mark.parametrize("count", [3, 40])
def test_a_table_of_random_values_is_uniform(count: int) -> None:
    # Bits of all cells over many tables for the same keys, against fair coins; neighbours, too.
    keys = drawn(14, count)
    random = np.random.default_rng(15)
    made = [
        okvs_encode(keys, drawn(1000 + k, count), SESSION, random.bytes(32)).reshape(-1) for k in range(400)
    ]
    bits = np.unpackbits(np.stack(made), axis=1)
    for ones in (bits.sum(axis=0), (bits[:, 1:] ^ bits[:, :-1]).sum(axis=0)):
        deviation = ((ones - 200.0) ** 2 / 100).sum()
        assert 1e-4 < stats.chi2.sf(deviation, len(ones)) < 1 - 1e-4


def test_what_is_free_is_random_and_the_rest_follows_from_it() -> None:
    keys, values = drawn(16, 1000), drawn(17, 1000)
    table = okvs_encode(keys, values, SESSION, RANDOM)
    np.testing.assert_array_equal(okvs_encode(keys, values, SESSION, RANDOM), table)
    other = okvs_encode(keys, values, SESSION, RANDOM[::-1])
    assert (other != table).any(axis=1).all()


# They change only when the format does; on every processor and with any number of threads they are these.
GOLDEN = {
    100: "46030596d5a1d6101003df4322f3bc7952aec620fedc2c200bd1663a79e19625",
    60_000: "80464e826c583f3866039001bb7c47e5256c520b5306108fc0db77bc43c1c573",
}


def test_tables_are_the_golden_ones() -> None:
    tables = {count: okvs_encode(drawn(30, count), drawn(31, count), SESSION, RANDOM) for count in GOLDEN}
    assert {count: hashlib.sha256(table.tobytes()).hexdigest() for count, table in tables.items()} == GOLDEN


def test_the_table_is_small() -> None:
    for bits in range(16, 31):
        for keys in (2**bits, 2**bits + 7777, 3 * 2 ** (bits - 1)):
            assert okvs_cells(keys) <= 1.35 * keys
    assert okvs_cells(2**40) <= 1.36 * 2**40
    assert okvs_cells(2**13) <= 1.36 * 2**13
    assert okvs_cells(2**10) <= 1.75 * 2**10
    assert okvs_cells(0) == 100


def test_more_keys_never_have_a_smaller_table() -> None:
    # A plan is made for the most rows that there may be.
    steps = {CLUSTER * factor * 2**power for factor in (2, 3) for power in range(24)}
    near = [step + by for step in steps for by in range(-3, 4)]
    spread = np.unique(np.geomspace(1, 2**40, 30_000).astype(np.int64)).tolist()
    cells = [okvs_cells(keys) for keys in sorted({*near, *range(6000), *spread})]
    assert cells == sorted(cells)


def test_bad_arguments_are_refused() -> None:
    keys = drawn(18, 10)
    table = okvs_encode(keys, keys, SESSION, RANDOM)
    for wrong in (table[:-1], np.concatenate([table, table[:1]]), table[:0]):
        with pytest.raises(ValueError, match="cells"):
            okvs_decode(wrong, keys, SESSION, 10)
    with pytest.raises(ValueError, match="cells"):
        okvs_decode(table, keys, SESSION, 1000)
    for of in (2**40 + 1, 2**64 - 1):
        with pytest.raises(ValueError, match="too large"):
            okvs_cells(of)
    for of in (2**32 + 1, 2**40, 2**64 - 1):
        with pytest.raises(ValueError, match="too large"):
            okvs_decode(table, keys, SESSION, of)
    for shape in ((10, 15), (160,), (10, 16, 1)):
        with pytest.raises(ValueError, match="shape"):
            okvs_encode(np.zeros(shape, dtype=np.uint8), keys, SESSION, RANDOM)
    with pytest.raises(ValueError, match="the same shape"):
        okvs_encode(keys, keys[:9], SESSION, RANDOM)
    with pytest.raises(ValueError, match="session must be 16 bytes, not 15"):
        okvs_encode(keys, keys, SESSION[:15], RANDOM)
    with pytest.raises(ValueError, match="random must be 32 bytes, not 16"):
        okvs_encode(keys, keys, SESSION, RANDOM[:16])
    with pytest.raises(TypeError, match="session must be bytes"):
        okvs_decode(table, keys, 7, 10)  # type: ignore[arg-type]
