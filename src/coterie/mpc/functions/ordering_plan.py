"""Which way to order, by what is public: how many elements, of how many bits, parties, network.

The largest of n is found in a tournament of groups of k: all pairs of a group are compared at once, so a
level has k (k - 1) / 2 comparisons a group and R + 2 rounds (R + 1 for k = 2), and there are log n / log k
levels.

A sorted array is found by a sorting network, about n log² n / 4 comparisons in log² n / 2 layers of R + 1
rounds; or by ranks: all n (n - 1) / 2 pairs compared at once, and a secret permutation, in a constant number
of rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coterie.mpc.arrays import Secret
from coterie.mpc.form import Form
from coterie.mpc.network import DEFAULT, Network
from coterie.mpc.protocols.compare import choose_comparison
from coterie.mpc.protocols.comparison_tree import bits_of
from coterie.mpc.protocols.sorting import Layer, layer, steps
from coterie.mpc.tape import WORD

GROUPS = (2, 3, 4, 5, 6, 7, 8)
"""Sizes of a tournament's groups: with eight, seven comparisons are multiplied in one round."""
MOST_PAIRS = 1 << 22
"""Comparisons at once: more would not fit into memory."""


@dataclass(frozen=True)
class Market:
    """What operations cost here."""

    network: Network
    parties: int
    form: Form
    """Of the elements: rows, of which each is ordered along the last axis."""

    @staticmethod
    def of(x: Secret) -> Market:
        return Market(x.context.network or DEFAULT, len(x.context.parties), x.form)

    def compare(self, pairs: int, extra_bits: int = 0) -> float:
        """Seconds of so many comparisons of two elements, with bits that break ties."""
        if not pairs:
            return 0.0
        difference = Form((pairs,), self.form.frac + extra_bits, self.form.range - self.form.range)
        bits = bits_of(difference, (0,), True)
        return choose_comparison(self.network, self.parties, pairs, bits)[0].seconds

    def operation(self, sent: float, dealt: float, rounds: int = 1) -> float:
        """Seconds of an operation in which each party sends so many bytes to each other."""
        load = max(sent * (self.parties - 1), dealt)
        return rounds * self.network.latency + load / self.network.bandwidth


def group_size(x: Secret) -> int:
    """Of the fastest tournament."""
    market, n = Market.of(x), x.shape[-1]
    rows = x.size // max(1, n)
    return min(GROUPS, key=lambda size: (_tournament(market, n, rows, size), size))


def _tournament(market: Market, n: int, rows: int, size: int) -> float:
    seconds = 0.0
    while n > 1:
        k = min(size, n)
        groups = -(-n // k) * rows
        seconds += market.compare(groups * k * (k - 1) // 2)
        if k > 2:
            products = 2 ** (k - 1) - k
            seconds += market.operation(groups * (k - 1) ** 2 / 8, groups * (k - 1) * products / 8)
        seconds += market.operation(groups * (k - 1) * (WORD + 1 / 8), groups * (k - 1) * 2 * WORD)
        n = -(-n // k)
    return seconds


def by_ranks(x: Secret, layers: Sequence[Layer] | None, columns: int) -> bool:
    """Whether ranks and a permutation are faster than a network.

    :param layers: of the network; None for the whole one.
    :param columns: how many arrays are moved, x among them. A network moves one, or x and places.
    """
    market, n = Market.of(x), x.shape[-1]
    rows = x.size // max(1, n)
    pairs = rows * n * (n - 1) // 2
    if pairs > MOST_PAIRS:
        return False
    moved = rows * n * (columns + 1) * WORD
    ranks = market.compare(pairs) + market.operation(pairs / 8, pairs * WORD)
    ranks += market.operation(moved, 2 * moved, market.parties + 1)
    sizes = [layer(n, *step).front.size for step in steps(n)]
    if layers is not None:
        sizes = [one.front.size for one in layers]
    carried, swaps = min(columns, 2), rows * sum(sizes) / max(1, len(sizes))
    one = market.compare(max(1, round(swaps)), 0 if columns == 1 else n.bit_length())
    one += market.operation(swaps * (carried * WORD + 1 / 8), swaps * (carried + 1) * WORD)
    return ranks < one * len(sizes)
