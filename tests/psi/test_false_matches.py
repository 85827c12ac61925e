"""How often rows that differ have one tag: as the bound says, seen with tags that are far too short."""

from __future__ import annotations

import math

import pytest

from coterie import psi
from coterie.errors import CoterieError
from coterie.psi import by_oprf, costs
from coterie.psi.buckets import Buckets, size
from coterie.psi.costs import tag_bytes
from coterie.psi.statement import STATISTICAL_BITS
from tests.psi.pair import ids, play

METHOD = psi.Method("oprf")


@pytest.mark.parametrize("rows", [(1, 1), (300, 300), (1 << 20, 1 << 20), (10**7, 10**7), (1000, 10**8)])
def test_tags_are_as_long_as_the_bound_asks(rows: tuple[int, int]) -> None:
    cut = Buckets.of(*rows)
    pairs = math.log2(cut.count * cut.sizes[0] * cut.sizes[1])
    bits = 8 * tag_bytes(cut, METHOD)
    assert pairs - bits <= -STATISTICAL_BITS
    assert bits < pairs + STATISTICAL_BITS + 12, "and not longer than rounding up makes them"


def test_false_matches_are_as_many_as_the_bound_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disjoint sets of n and m rows under tags of t bits: n·m·2^-t false matches in the mean."""
    for module in (by_oprf, costs):
        monkeypatch.setattr(module, "tag_bytes", lambda cut, method: 2)
    rows, runs, found = {"a": 128, "b": 128}, 40, 0
    for run in range(runs):
        a, b = ids(*(f"a {run} {i}" for i in range(128))), ids(*(f"b {run} {i}" for i in range(128)))
        one, _, _ = play(
            lambda mesh, a=a: psi.intersect(mesh, rows, a, METHOD, to="a"),
            lambda mesh, b=b: psi.intersect(mesh, rows, b, METHOD, to="a"),
        )
        if isinstance(one, CoterieError):
            assert one.code == "CT-2004", "two of b's rows have the tag of one of a's"
            found += 2
            continue
        found += len(one)
    mean = runs * 128 * 128 / 2**16  # 10
    assert abs(found - mean) <= 5.5 * math.sqrt(mean), "a chance below 10^-6"
    assert found > 0


def test_a_false_match_that_both_would_take_for_true_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (by_oprf, costs):
        monkeypatch.setattr(module, "tag_bytes", lambda cut, method: 1)
    a, b = ids(*(f"a {i}" for i in range(40))), ids(*(f"b {i}" for i in range(40)))
    one, two, _ = play(
        lambda mesh: psi.intersect(mesh, {"a": 40, "b": 40}, a, METHOD),
        lambda mesh: psi.intersect(mesh, {"a": 40, "b": 40}, b, METHOD),
    )
    codes = {found.code for found in (one, two) if not isinstance(found, psi.Alignment)}
    assert codes
    assert codes <= {"CT-2022", "CT-2023", "CT-2004"}


@pytest.mark.parametrize(("rows", "buckets"), [(200, 4), (10_000, 7), (10**7, 8), (10**8, 77)])
def test_buckets_overflow_less_often_than_2_to_the_minus_40(rows: int, buckets: int) -> None:
    """Against the binomial law itself, summed from the size on."""
    bound = size(rows, buckets)
    p = 1 / buckets
    tail, term = (
        0.0,
        math.exp(
            math.lgamma(rows + 1)
            - math.lgamma(bound + 2)
            - math.lgamma(rows - bound)
            + (bound + 1) * math.log(p)
            + (rows - bound - 1) * math.log1p(-p)
        )
        if bound < rows
        else 0.0,
    )
    for k in range(bound + 1, min(rows, bound + 5000)):
        tail += term
        term *= (rows - k) / (k + 1) * p / (1 - p)
    assert buckets * tail <= 2**-STATISTICAL_BITS
    assert bound <= rows / buckets * 1.1 + 20 * math.sqrt(rows / buckets) + 40
