"""Numbers of neighbours against other libraries and against all graphs there are."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from scipy import stats

from coterie.fl import Rules, bounds


@pytest.mark.parametrize(("count", "p", "least"), [(10, 0.3, 4), (50, 0.05, 1), (33, 0.9, 33), (7, 0.5, 8)])
def test_tails_are_those_of_another_library(count: int, p: float, least: int) -> None:
    assert 2 ** bounds.tail(count, p, least) == pytest.approx(stats.binom.sf(least - 1, count, p), rel=1e-9)


@pytest.mark.parametrize(("survivors", "least", "p"), [(4, 1, 0.5), (5, 1, 0.7), (4, 1, 0.9)])
def test_no_more_graphs_fall_apart_than_the_bound_says(survivors: int, least: int, p: float) -> None:
    honest = 5
    pairs = list(combinations(range(honest), 2))
    whole = 0.0
    for edges in product((0, 1), repeat=len(pairs)):
        if _apart(
            honest, {pair for pair, there in zip(pairs, edges, strict=True) if there}, survivors, least
        ):
            whole += p ** sum(edges) * (1 - p) ** (len(pairs) - sum(edges))
    bound = 2 ** bounds.falls_apart(honest, survivors, p, least)
    assert 0 < whole <= bound
    assert bound < 8 * whole or bound > 1


def _apart(honest: int, edges: set[tuple[int, int]], survivors: int, least: int) -> bool:
    """Whether some survivors fall apart: two parts without an edge between them."""
    for part in product((0, 1, 2), repeat=honest):
        one, other = ([k for k in range(honest) if part[k] == side] for side in (1, 2))
        enough = len(one) > least and len(other) >= len(one) and len(one) + len(other) >= survivors
        if enough and not any((min(a, b), max(a, b)) in edges for a in one for b in other):
            return True
    return False


def test_rules_are_the_documented_ones() -> None:
    table = [(3, 3, 1), (5, 4, 2), (10, 7, 3), (40, 27, 13)]
    assert [
        (rules.contributors, rules.minimum, rules.colluding)
        for rules in (Rules.of(count) for count, _, _ in table)
    ] == table
    assert all(Rules.of(count).complete for count in range(3, 41))
    sparse = {count: bounds.sparse(count, -(-2 * count // 3), count // 10) for count in (100, 200, 500)}
    assert sparse == {100: (51, 13), 200: (78, 23), 500: (131, 44)}


@pytest.mark.parametrize("count", [41, 100, 300])
def test_thresholds_hold_against_another_library(count: int) -> None:
    rules = Rules.of(count)
    p = rules.density / 2**32
    # Alive at random, the minimum has shares enough; all colluders next to one are too few for its secrets.
    lacking = stats.binom.cdf(rules.threshold - 2, rules.minimum - 1, p) * count
    enough = stats.binom.sf(rules.threshold - 1, rules.colluding, p) * count
    assert lacking < 2**-20 * 1.01
    assert enough < 2**-40


def test_two_lists_of_survivors_cannot_both_be_signed_by_enough() -> None:
    for count in range(3, 60):
        rules = Rules.of(count)
        honest = rules.contributors - rules.colluding
        assert 2 * rules.agreeing > honest + 2 * rules.colluding
        assert rules.agreeing <= rules.minimum
        if rules.complete:
            assert 2 * rules.threshold > count + rules.colluding
