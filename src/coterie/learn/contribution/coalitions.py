"""Which groups of parties are trained, and what is made of their values.

v(S) is the measure of the model that the parties of S train, v() that of the model without features. The
Shapley value of a party [Shapley 1953] is the mean, over all orders in which parties may come, of what it
adds to those before it. Fewer than three parties do not train together: each would know the others' sums.
So the first three to come are counted together, and what they are worth is parted between them as in one run
of theirs (:mod:`.in_run`), from which each order goes on. All parts add up to v(all) - v().

Where there are too many groups for all of them orders are drawn [Castro et al. 2009], and cut short where the
rest adds next to nothing [Ghorbani and Zou 2019, Data Shapley].
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST", "Game", "Group"]

Group: TypeAlias = tuple[int, ...]
"""Places of parties, ascending."""

LEAST = 3
"""Parties of a group that trains."""


@dataclass(frozen=True)
class Game:
    """What is public of a comparison of groups."""

    parties: int
    """At least four."""
    shapley: bool
    permutations: int
    seed: int

    @property
    def whole(self) -> Group:
        return tuple(range(self.parties))

    @property
    def exact(self) -> bool:
        """Whether all groups are trained: where they are no more than the drawn orders ask for."""
        groups = sum(math.comb(self.parties, size) for size in range(LEAST, self.parties))
        return groups <= self.permutations * (self.parties - LEAST)

    def orders(self) -> NDArray[np.int64]:
        """(permutations, parties), the same at all parties."""
        random = np.random.default_rng(self.seed)
        return np.stack([random.permutation(self.parties) for _ in range(self.permutations)])

    def groups(self) -> tuple[Group, ...]:
        """Those that may be trained beside the whole: first all but one, then by the orders."""
        return tuple(dict.fromkeys(self._groups()))

    def firsts(self) -> tuple[Group, ...]:
        """Of them those of the first three to come."""
        return tuple(group for group in self.groups() if len(group) == LEAST) if self.shapley else ()

    def _groups(self) -> Iterator[Group]:
        for one in range(self.parties):
            yield self.without(one)
        if not self.shapley:
            return
        if self.exact:
            for size in range(self.parties - 1, LEAST - 1, -1):
                yield from combinations(range(self.parties), size)
            return
        for order in self.orders():
            for size in range(LEAST, self.parties):
                yield tuple(sorted(order[:size].tolist()))

    def without(self, party: int) -> Group:
        """All others."""
        return tuple(one for one in range(self.parties) if one != party)

    def added(self, party: int) -> Iterator[tuple[Group, float]]:
        """Groups to which a party may come fourth or later, with the probability that it does."""
        for size in range(LEAST, self.parties):
            chance = 1 / (self.parties * math.comb(self.parties - 1, size))
            for group in combinations(self.without(party), size):
                yield group, chance
