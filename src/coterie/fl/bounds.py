"""How few neighbours are enough: exact bounds for a random graph.

Every pair of honest contributors is an edge with probability p, independently: nobody chooses it (see
``graph.py``). Of n contributors c work together with the coordinator. It sees the graph, and then says who
has dropped out, as it likes, as long as the minimum m remains. Shares of a contributor's secrets lie with its
neighbours and itself, t of them are needed. What may go wrong:

* *Colluders have shares enough.* An honest contributor has t - θ or more colluding neighbours. Each of the c
  is one with probability p.
* *The sum falls apart.* The survivors' masks cancel in two parts of them, S and the rest, and so each part's
  sum is known alone. Then no honest edge leads from S to the rest. A self mask is taken off only with t
  shares, of survivors, so each in S has θ honest neighbours that survived: S has more than θ members. Whoever
  says who survives can look for S in all of the graph: all choices of S, and of as many of the rest as must
  be there, are counted. Up to θ of the survivors may be cut off from all others; their own masks stay.
* *The sum cannot be had.* Just the minimum is left, at random, and someone has fewer than t of its neighbours
  among them. That costs a new start, and shows nothing.
"""

from __future__ import annotations

import math
from functools import lru_cache

SECURITY_BITS = 40
"""Either of the first two happens in a sum with a probability below 2^-40, together."""
LIVENESS_BITS = 20
"""The third, where as many as may drop out at random do, below 2^-20."""
WORTH = 0.8
"""A sparse graph is taken where it has fewer of all edges than this."""


@lru_cache(maxsize=64)
def sparse(contributors: int, minimum: int, colluding: int) -> tuple[int, int] | None:
    """Neighbours on average, and shares that are needed; None where nearly all would be needed."""
    for neighbours in range(8, int(WORTH * (contributors - 1))):
        p = neighbours / (contributors - 1)
        threshold = _threshold(contributors, minimum, colluding, p)
        if threshold and _lacking(contributors, minimum, p, threshold) <= -LIVENESS_BITS:
            return neighbours, threshold
    return None


def _threshold(contributors: int, minimum: int, colluding: int, p: float) -> int | None:
    """The fewest shares with which both of the first two are excluded."""
    honest = contributors - colluding
    for least in range(2, honest // 2):
        if falls_apart(honest, minimum - colluding, p, least) > -SECURITY_BITS - 1:
            continue
        for most in range(colluding + 1):
            if math.log2(honest) + tail(colluding, p, most + 1) <= -SECURITY_BITS - 1:
                return least + most + 1
        return least + colluding + 1
    return None


def falls_apart(honest: int, survivors: int, p: float, least: int) -> float:
    """log2 of a bound of the probability that some ``survivors`` of the honest fall apart, each with
    ``least`` neighbours in its part: a sum over the size of the smaller part.
    """
    logs = []
    for small in range(least + 1, honest // 2 + 1):
        large = max(small, survivors - small)
        if small + large <= honest:
            ways = _choose(honest, small) + _choose(honest - small, large)
            logs.append(ways + small * large * math.log2(1 - p))
    return _sum(logs)


def tail(count: int, p: float, least: int) -> float:
    """log2 of the probability that of so many trials at least so many succeed."""
    one, other = math.log2(p), math.log2(1 - p)
    return _sum([_choose(count, k) + k * one + (count - k) * other for k in range(least, count + 1)])


def _lacking(contributors: int, minimum: int, p: float, threshold: int) -> float:
    """log2 of a bound of the probability that one of the minimum lacks shares; its own is one of them."""
    return math.log2(contributors) + tail(minimum - 1, 1 - p, minimum - threshold + 1)


def _choose(n: int, k: int) -> float:
    return (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)


def _sum(logs: list[float]) -> float:
    """log2 of the sum of powers of two."""
    if not logs:
        return -math.inf
    largest = max(logs)
    return largest + math.log2(sum(2 ** (one - largest) for one in logs))
