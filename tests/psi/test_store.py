"""The oblivious store of cut values: they come back, other keys read random cells, failures have a code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from coterie.errors import CoterieError, Unavailable
from coterie.psi import cost_many
from coterie.psi.store import cells, decode, encode, wide
from tests.psi.pair import Stream


def drawn(seed: int, count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 16), dtype=np.uint8)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(1, 16))
def test_every_key_has_its_value_when_cells_are_cut(seed: int, count: int, width: int) -> None:
    keys, values = drawn(seed, count), drawn(seed + 1, count)
    sent = encode(keys, values, Stream("table"))[:, :width]
    table = wide(cells(count))
    assert sent.shape == (len(table), width)
    table[:, :width] = sent
    assert np.array_equal(decode(table, keys, count)[:, :width], values[:, :width])


def test_keys_that_repeat_are_refused() -> None:
    keys = drawn(6, 30)
    keys[7] = keys[3]
    with pytest.raises(CoterieError, match="CT-2007") as caught:
        encode(keys, drawn(7, 30), Stream("twice"))
    assert isinstance(caught.value, Unavailable)


def test_a_cut_table_of_random_values_is_uniform() -> None:
    # Bits of all cells over many tables for the same keys, against fair coins; neighbours, too.
    keys, random = drawn(8, 12), np.random.default_rng(9)
    made = [encode(keys, drawn(k, 12), random.bytes)[:, :8].reshape(-1) for k in range(400)]
    bits = np.unpackbits(np.stack(made), axis=1)
    for count in (bits.sum(axis=0), (bits[:, 1:] ^ bits[:, :-1]).sum(axis=0)):
        deviation = ((count - 200.0) ** 2 / 100).sum()
        assert 1e-4 < stats.chi2.sf(deviation, len(count)) < 1 - 1e-4


def test_other_keys_read_random_cells() -> None:
    table = encode(drawn(10, 2000), drawn(11, 2000), Stream("other"))
    read = decode(table, drawn(12, 3000), 2000)[:, :5]
    assert len(np.unique(read, axis=0)) == 3000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_encoding_and_decoding_stay_within_the_planned_memory() -> None:
    count = 400_000
    script = f"""
import numpy as np
from coterie.psi.many import _parts
from coterie.psi.store import cells, decode, encode, wide

def peak():
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status["VmHWM"].split()[0]) * 1024

few = np.random.default_rng(1).integers(0, 256, (30_000, 16), dtype=np.uint8)
decode(encode(few, few, np.random.default_rng(2).bytes), few, len(few))
values = np.random.default_rng(3).integers(0, 256, ({count}, 32), dtype=np.uint8)
before = peak()
keys, masks = _parts(values)
sent = np.ascontiguousarray(encode(keys, masks, np.random.default_rng(4).bytes)[:, :7])
told = peak()
table = wide(cells({count}))
table[:, :7] = sent
shares = decode(table, keys, {count}) ^ masks
print(told - before, peak() - before)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    planned = cost_many(dict.fromkeys("abc", count)).memory - 32 * count
    for grown in map(int, run.stdout.split()):
        assert planned / 4 <= grown <= planned
