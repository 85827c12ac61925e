"""Matching of tags against Python's sets."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie import psi
from coterie.psi.matching import AmbiguousTagError, match
from coterie.psi.statement import tag_bytes


def tags(items: list[bytes], width: int) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(items), dtype=np.uint8).reshape(-1, width)


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[bytes], list[bytes], int]:
    """Two lists of tags that often meet: bytes of a small alphabet, with zeros at the end among them."""
    width = draw(st.integers(5, 15))
    one = st.lists(st.sampled_from([0, 1, 128, 255]), min_size=width, max_size=width).map(bytes)
    own = draw(st.lists(one, max_size=12))
    theirs = draw(st.lists(st.one_of(one, *([st.sampled_from(own)] if own else [])), max_size=12))
    return own, theirs, width


@given(lists())
def test_matches_are_those_of_sets(given: tuple[list[bytes], list[bytes], int]) -> None:
    own, theirs, width = given
    common = sorted(set(own) & set(theirs))
    if any(own.count(tag) > 1 or theirs.count(tag) > 1 for tag in common):
        with pytest.raises(AmbiguousTagError):
            match(tags(own, width), tags(theirs, width))
        return
    mine, other = match(tags(own, width), tags(theirs, width)), match(tags(theirs, width), tags(own, width))
    assert [own[place] for place in mine.own] == common
    assert [theirs[place] for place in other.own] == common
    assert mine.digest == other.digest


def test_digests_tell_results_apart() -> None:
    rows = tags([bytes([k, 7, 7, 7, 7]) for k in range(4)], 5)
    digests = {match(rows[:n], rows).digest for n in range(5)}
    assert len(digests) == 5


@pytest.mark.parametrize("common", [20_000, 200_000])
def test_matching_stays_within_the_planned_memory(common: int) -> None:
    """In a process of its own: kernels' memory is seen by the system alone."""
    rows_a, rows_b = 300_000, 200_000
    width = tag_bytes(rows_a, rows_b)
    script = f"""
import numpy as np
from coterie.psi.matching import match

def status(name):
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(lines[name].split()[0]) * 1024

few = np.arange(80, dtype=np.uint8).reshape(-1, 8)
match(few, few)
before = status("VmRSS")
drawn = np.random.default_rng(1).integers(
    0, 256, ({rows_a + rows_b - common}, {width}), dtype=np.uint8
)
own, theirs = drawn[:{rows_a}].copy(), drawn[{rows_a - common}:].copy()
del drawn
order = np.arange(len(own))
open("/proc/self/clear_refs", "w").write("5")
matches = match(own, theirs)
print(len(matches.own), status("VmHWM") - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found, peak = (int(word) for word in done.stdout.split())
    assert found == common
    assert peak <= psi.cost(rows_a, rows_b).memory
    assert psi.cost(rows_a, rows_b).memory - psi.cost(1, 1).memory <= 2 * peak
